package org.noisyquant.stats;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.noisyquant.error.ErrorCode;
import org.noisyquant.error.NoisyQuantException;
import org.noisyquant.testing.PlainCodeProducts;

class InputMomentsTest {
  private static final CodeProducts PRODUCTS = new PlainCodeProducts();
  private static final int CHANNELS = 5;
  private static final int TOKENS = 7;

  @Test
  void averagesOverWeightedTokens() {
    // z = 0.5·k − 1 and 0.25·k, x = 2·n and 0.125·n.
    InputMoments m =
        InputMoments.empty(
            0,
            true,
            new InputMoments.Scales(
                new float[] {0.5f, 0.25f}, new float[] {1, 0}, new float[] {2, 0.125f}));

    // z = (1, 2), x = (2, 0) with weight 1; z = (3, 4), x = (0, 2) with weight 3.
    m.add(row(new int[] {4, 8}, new int[] {1, 0}), 1, 1, PRODUCTS);
    m.add(row(new int[] {8, 16}, new int[] {0, 16}), 1, 3, PRODUCTS);

    assertThat(m.tokens()).isEqualTo(2);
    assertThat(m.weight()).isEqualTo(4);
    assertThat(m.quantizedMean(0)).isEqualTo((1 + 3 * 3) / 4.0);
    assertThat(m.quantizedMean(1)).isEqualTo((2 + 3 * 4) / 4.0);
    assertThat(m.inputMean(0)).isEqualTo(0.5);
    assertThat(m.inputMean(1)).isEqualTo(1.5);
    assertThat(m.quantizedMoment(0, 1)).isEqualTo((1 * 2 + 3 * 3 * 4) / 4.0);
    assertThat(m.quantizedMoment(1, 0)).isEqualTo(m.quantizedMoment(0, 1));
    assertThat(m.quantizedMoment(1, 1)).isEqualTo((4 + 3 * 16) / 4.0);
    assertThat(m.crossMoment(0, 1)).isEqualTo(3 * 3 * 2 / 4.0);
    assertThat(m.crossMoment(1, 0)).isEqualTo(2 * 2 / 4.0);
    // E[z0·z1] − E[z0]·E[z1] = 9.5 − 2.5·3.5, E[z0·x1] − E[z0]·E[x1] = 4.5 − 2.5·1.5.
    assertThat(m.quantizedCovariance(0, 1)).isEqualTo(0.75);
    assertThat(m.crossCovariance(0, 1)).isEqualTo(0.75);
  }

  @Test
  void weightsAreRoundedTo256thsAndNeverToZero() {
    InputMoments m = InputMoments.empty(4, true, scales(1));
    m.add(values(1), TOKENS, 0.3, PRODUCTS);
    assertThat(m.weight()).isEqualTo(TOKENS * 77 / 256.0);

    InputMoments least = InputMoments.empty(4, true, scales(1));
    least.add(values(1), TOKENS, 1e-9, PRODUCTS);
    assertThat(least.weight()).isEqualTo(TOKENS / 256.0);
  }

  @Test
  void theBytesDoNotDependOnOrderOrGrouping() {
    byte[] expected = images(0, 40).toBytes();
    Random random = new Random(1);
    for (int trial = 0; trial < 5; trial++) {
      List<InputMoments> parts = new ArrayList<>();
      for (int from = 0; from < 40; from += 8) {
        parts.add(images(from, from + 8));
      }
      Collections.shuffle(parts, random);
      while (parts.size() > 1) {
        InputMoments taken = parts.remove(random.nextInt(parts.size()));
        parts.get(random.nextInt(parts.size())).merge(taken);
      }

      assertThat(parts.get(0).toBytes()).isEqualTo(expected);
    }
  }

  @Test
  void tokensAddTheSameAtOnceAndOneByOne() {
    InputMoments atOnce = InputMoments.empty(4, true, scales(1));
    InputMoments oneByOne = InputMoments.empty(4, true, scales(1));
    int columns = InputMoments.columns(CHANNELS);
    byte[] a = values(3);

    atOnce.add(a, TOKENS, 2.5, PRODUCTS);
    for (int t = 0; t < TOKENS; t++) {
      oneByOne.add(Arrays.copyOfRange(a, t * columns, (t + 1) * columns), 1, 2.5, PRODUCTS);
    }

    assertThat(oneByOne.toBytes()).isEqualTo(atOnce.toBytes());
  }

  @Test
  void mergingLeavesTheOtherAsItWas() {
    InputMoments other = images(3, 6);
    byte[] before = other.toBytes();

    images(0, 3).merge(other);

    assertThat(other.toBytes()).isEqualTo(before);
  }

  @Test
  void mergingAnEmptyOneChangesNothing() {
    InputMoments m = images(0, 5);
    byte[] before = m.toBytes();
    InputMoments empty = InputMoments.empty(4, true, scales(1));

    m.merge(empty);
    assertThat(m.toBytes()).isEqualTo(before);

    empty.merge(m);
    assertThat(empty.toBytes()).isEqualTo(before);
  }

  @Test
  void bytesComeBackAsTheSameMoments() {
    InputMoments m = images(0, 10);

    InputMoments back = InputMoments.fromBytes(m.toBytes());

    assertThat(back.toBytes()).isEqualTo(m.toBytes());
    assertThat(back.site()).isEqualTo(4);
    assertThat(back.tokens()).isEqualTo(10 * (TOKENS + 1));
    for (int i = 0; i < CHANNELS; i++) {
      assertThat(back.quantizedMean(i)).isEqualTo(m.quantizedMean(i));
      assertThat(back.inputMean(i)).isEqualTo(m.inputMean(i));
      for (int j = 0; j < CHANNELS; j++) {
        assertThat(back.quantizedMoment(i, j)).isEqualTo(m.quantizedMoment(i, j));
        assertThat(back.crossMoment(i, j)).isEqualTo(m.crossMoment(i, j));
      }
    }
  }

  @Test
  void withoutCrossProductsTheOtherMomentsAreTheSame() {
    InputMoments with = images(0, 10);
    InputMoments without = InputMoments.empty(4, false, scales(1));
    for (int i = 0; i < 10; i++) {
      add(without, i);
    }

    InputMoments back = InputMoments.fromBytes(without.toBytes());

    assertThat(without.toBytes().length).isLessThan(with.toBytes().length);
    assertThat(back.toBytes()).isEqualTo(without.toBytes());
    assertThat(back.hasCross()).isFalse();
    for (int i = 0; i < CHANNELS; i++) {
      assertThat(back.inputMean(i)).isEqualTo(with.inputMean(i));
      for (int j = 0; j < CHANNELS; j++) {
        assertThat(back.quantizedCovariance(i, j)).isEqualTo(with.quantizedCovariance(i, j));
      }
    }
    assertThatThrownBy(() -> back.crossCovariance(0, 1))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("without cross products");
  }

  @Test
  void refusesDamagedBytes() {
    byte[] bytes = images(0, 3).toBytes();

    for (int i = 0; i < bytes.length; i += 13) {
      byte[] flipped = bytes.clone();
      flipped[i] ^= 1;
      assertThatThrownBy(() -> InputMoments.fromBytes(flipped))
          .isInstanceOf(NoisyQuantException.class)
          .hasMessageContaining("calibrate again");
    }
    for (int length : new int[] {0, 3, 20, bytes.length - 1, bytes.length + 1}) {
      assertThatThrownBy(() -> InputMoments.fromBytes(Arrays.copyOf(bytes, length)))
          .isInstanceOf(NoisyQuantException.class);
    }
  }

  @Test
  void refusesAnotherLayoutByItsNumber() {
    byte[] bytes = images(0, 1).toBytes();
    ByteBuffer.wrap(bytes).putInt(4, 77);

    assertThatThrownBy(() -> InputMoments.fromBytes(bytes))
        .isInstanceOf(NoisyQuantException.class)
        .hasMessageContaining("layout version 77");
  }

  @Test
  void refusesToMergeOtherSitesAndScales() {
    InputMoments m = images(0, 1);

    for (InputMoments other :
        List.of(
            InputMoments.empty(5, true, scales(1)),
            InputMoments.empty(4, false, scales(1)),
            InputMoments.empty(4, true, scales(2)))) {
      assertThatThrownBy(() -> m.merge(other))
          .isInstanceOf(NoisyQuantException.class)
          .hasMessageContaining("different sites, scales or products");
    }
  }

  @Test
  void moreWeightThanSumsHoldIsAnErrorAndAddsNothing() {
    InputMoments m = InputMoments.empty(4, true, scales(1));
    m.add(values(0), TOKENS, 0x1p29, PRODUCTS);
    byte[] before = m.toBytes();

    assertOverflow(() -> m.add(values(1), TOKENS, 0x1p29, PRODUCTS));
    assertOverflow(() -> m.merge(InputMoments.fromBytes(before)));
    assertThat(m.toBytes()).isEqualTo(before);
  }

  @Test
  void refusesATokenWeightThatIsNotPositive() {
    InputMoments m = InputMoments.empty(4, true, scales(1));
    for (double weight : new double[] {-1, 0, Double.NaN, Double.POSITIVE_INFINITY}) {
      assertThatThrownBy(() -> m.add(values(0), TOKENS, weight, PRODUCTS))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("weight of tokens: " + weight);
    }
    assertThat(m.tokens()).isZero();
  }

  private static void assertOverflow(Runnable action) {
    assertThatExceptionOfType(NoisyQuantException.class)
        .isThrownBy(action::run)
        .withMessageContaining("a weight of 7516192768 tokens exceeds")
        .satisfies(e -> assertThat(e.code()).isEqualTo(ErrorCode.SUM_OVERFLOW));
  }

  private static InputMoments images(int from, int to) {
    InputMoments m = InputMoments.empty(4, true, scales(1));
    for (int i = from; i < to; i++) {
      add(m, i);
    }
    return m;
  }

  private static void add(InputMoments m, int image) {
    m.add(values(2 * image), 1, 20, PRODUCTS);
    m.add(values(2 * image + 1), TOKENS, 1, PRODUCTS);
  }

  private static InputMoments.Scales scales(float step) {
    float[] steps = new float[CHANNELS];
    float[] removed = new float[CHANNELS];
    float[] units = new float[CHANNELS];
    for (int c = 0; c < CHANNELS; c++) {
      steps[c] = step * (1 + c);
      removed[c] = 0.1f * c;
      units[c] = 0.01f / (1 + c);
    }
    return new InputMoments.Scales(steps, removed, units);
  }

  private static byte[] row(int[] codes, int[] inputs) {
    byte[] a = new byte[InputMoments.columns(codes.length)];
    a[0] = 1;
    for (int c = 0; c < codes.length; c++) {
      a[1 + c] = (byte) codes[c];
      a[1 + codes.length + c] = (byte) ((inputs[c] + 128) >> 8);
      a[1 + 2 * codes.length + c] = (byte) inputs[c];
    }
    return a;
  }

  private static byte[] values(int seed) {
    byte[] values = new byte[TOKENS * InputMoments.columns(CHANNELS)];
    new Random(seed).nextBytes(values);
    for (int t = 0; t < TOKENS; t++) {
      values[t * InputMoments.columns(CHANNELS)] = 1;
    }
    return values;
  }
}
