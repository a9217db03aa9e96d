package org.noisyquant.stats;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.noisyquant.error.ErrorCode;
import org.noisyquant.error.NoisyQuantException;
import org.noisyquant.testing.PlainTokenProducts;

class InputMomentsTest {
  private static final InputMoments.Bounds BOUNDS = new InputMoments.Bounds(100, 5000);
  private static final TokenProducts PRODUCTS = new PlainTokenProducts();
  private static final int CHANNELS = 5;
  private static final int TOKENS = 7;

  @Test
  void averagesOverWeightedTokens() {
    InputMoments m = InputMoments.empty(0, 2, true, BOUNDS);

    m.update(new float[] {1, 2, 3, 4}, new float[] {2, 0, 0, 2}, 2, new float[] {1f, 3f}, PRODUCTS);

    assertThat(m.tokens()).isEqualTo(2);
    assertThat(m.weight()).isEqualTo(4);
    assertThat(m.quantizedMean(0)).isEqualTo((1 + 3 * 3) / 4.0);
    assertThat(m.quantizedMean(1)).isEqualTo((2 + 3 * 4) / 4.0);
    assertThat(m.inputMean(0)).isEqualTo(0.5);
    assertThat(m.inputMean(1)).isEqualTo(1.5);
    assertThat(m.quantizedMoment(0, 1)).isEqualTo((1 * 2 + 3 * 3 * 4) / 4.0);
    assertThat(m.quantizedMoment(1, 0)).isEqualTo(m.quantizedMoment(0, 1));
    assertThat(m.crossMoment(0, 1)).isEqualTo(3 * 3 * 2 / 4.0);
    assertThat(m.crossMoment(1, 0)).isEqualTo(2 * 2 / 4.0);
    // E[z0·z1] − E[z0]·E[z1] = 9.5 − 2.5·3.5, E[z0·x1] − E[z0]·E[x1] = 4.5 − 2.5·1.5.
    assertThat(m.quantizedCovariance(0, 1)).isEqualTo(0.75);
    assertThat(m.crossCovariance(0, 1)).isEqualTo(0.75);
  }

  @Test
  void withoutTokenWeightsEveryTokenCountsOne() {
    InputMoments implied = InputMoments.empty(0, 1, true, BOUNDS);
    InputMoments given = InputMoments.empty(0, 1, true, BOUNDS);

    implied.update(new float[] {1, 5}, new float[] {2, 4}, 2, null, PRODUCTS);
    given.update(new float[] {1, 5}, new float[] {2, 4}, 2, new float[] {1, 1}, PRODUCTS);

    assertThat(implied.toBytes()).isEqualTo(given.toBytes());
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
    InputMoments empty = InputMoments.empty(4, CHANNELS, true, BOUNDS);

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
    InputMoments without = InputMoments.empty(4, CHANNELS, false, BOUNDS);
    for (int i = 0; i < 10; i++) {
      without.update(values(2 * i), values(2 * i + 1), TOKENS, weights(), PRODUCTS);
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
  void theGridCostsNoPrecisionThatFloatsHave() {
    InputMoments m = images(0, 40);
    double weight = 0;
    double sum = 0;
    for (int i = 0; i < 40; i++) {
      float[] z = values(2 * i);
      float[] x = values(2 * i + 1);
      double image = 0;
      for (int t = 0; t < TOKENS; t++) {
        weight += weights()[t];
        image += (double) weights()[t] * z[t * CHANNELS + 1] * x[t * CHANNELS + 2];
      }
      sum += (float) image;
    }

    // 100²·5000 < 2^26: 40 images rounded to 2^-25.
    assertThat(m.crossMoment(1, 2)).isCloseTo(sum / weight, within(40 * 0x1p-25 / weight));
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
  void refusesToMergeOtherSitesAndBounds() {
    InputMoments m = images(0, 1);
    InputMoments.Bounds wider = new InputMoments.Bounds(200, 5000);

    for (InputMoments other :
        List.of(
            InputMoments.empty(5, CHANNELS, true, BOUNDS),
            InputMoments.empty(4, CHANNELS + 1, true, BOUNDS),
            InputMoments.empty(4, CHANNELS, false, BOUNDS),
            InputMoments.empty(4, CHANNELS, true, wider))) {
      assertThatThrownBy(() -> m.merge(other))
          .isInstanceOf(NoisyQuantException.class)
          .hasMessageContaining("different sites, bounds or products");
    }
  }

  @Test
  void whatExceedsTheBoundsIsAnErrorAndAddsNothing() {
    InputMoments m = InputMoments.empty(4, 1, true, new InputMoments.Bounds(10, 3));
    float[] one = {1f};
    m.update(new float[] {1, 2}, new float[] {3, 4}, 2, null, PRODUCTS);
    byte[] before = m.toBytes();

    assertOverflow(() -> m.update(new float[] {10.5f}, one, 1, null, PRODUCTS), "magnitude 10.5");
    assertOverflow(() -> m.update(one, new float[] {-11f}, 1, null, PRODUCTS), "magnitude 11.0");
    assertOverflow(() -> m.update(one, one, 1, new float[] {2.5f}, PRODUCTS), "2.0 + 2.5");
    assertOverflow(() -> m.merge(InputMoments.fromBytes(before)), "2.0 + 2.0");
    assertThat(m.toBytes()).isEqualTo(before);
  }

  @Test
  void refusesATokenWeightThatIsNegativeOrNoNumber() {
    InputMoments m = InputMoments.empty(4, 1, true, BOUNDS);
    for (float weight : new float[] {-1f, Float.NaN}) {
      assertThatThrownBy(
              () -> m.update(new float[1], new float[1], 1, new float[] {weight}, PRODUCTS))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("weight " + weight + " of token 0");
    }
    assertThat(m.tokens()).isZero();
  }

  @Test
  void namesTheChannelOfAnActivationThatIsNotFinite() {
    for (float bad : new float[] {Float.NaN, Float.NEGATIVE_INFINITY}) {
      float[] z = new float[TOKENS * CHANNELS];
      z[2 * CHANNELS + 3] = bad;
      InputMoments m = InputMoments.empty(4, CHANNELS, true, BOUNDS);

      assertThatExceptionOfType(NoisyQuantException.class)
          .isThrownBy(() -> m.update(z, new float[TOKENS * CHANNELS], TOKENS, null, PRODUCTS))
          .withMessageContaining("channel 3")
          .satisfies(e -> assertThat(e.code()).isEqualTo(ErrorCode.NON_FINITE_ACTIVATION));
      assertThat(m.tokens()).isZero();
    }
  }

  private static void assertOverflow(Runnable action, String what) {
    assertThatExceptionOfType(NoisyQuantException.class)
        .isThrownBy(action::run)
        .withMessageContaining(what)
        .satisfies(e -> assertThat(e.code()).isEqualTo(ErrorCode.SUM_OVERFLOW));
  }

  private static InputMoments images(int from, int to) {
    InputMoments m = InputMoments.empty(4, CHANNELS, true, BOUNDS);
    for (int i = from; i < to; i++) {
      m.update(values(2 * i), values(2 * i + 1), TOKENS, weights(), PRODUCTS);
    }
    return m;
  }

  private static float[] weights() {
    return new float[] {20f, 1f, 1f, 1f, 0f, 0.3f, 1f};
  }

  private static float[] values(int seed) {
    Random random = new Random(seed);
    float[] values = new float[TOKENS * CHANNELS];
    for (int j = 0; j < values.length; j++) {
      values[j] = (float) (random.nextGaussian() * Math.exp(random.nextGaussian()));
    }
    return values;
  }
}
