package org.noisyquant.quant;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.noisyquant.error.ErrorCode;
import org.noisyquant.error.NoisyQuantException;
import org.noisyquant.stats.InputMoments;
import org.noisyquant.testing.PlainCodeProducts;

class MomentsCollectorTest {
  private static final int CHANNELS = 6;
  private static final int TOKENS = 90;
  private static final int IMAGES = 5;
  private static final float ABS_MAX = 6f;

  @Test
  void agreesWithThePlainLoopOverFloats() {
    for (int bits : new int[] {2, 4, 8}) {
      NoisyQuantizer quantizer = quantizer(bits);
      double[][] expected = new double[2 * CHANNELS + 1][2 * CHANNELS + 1];
      for (int image = 0; image < IMAGES; image++) {
        float[] x = values(image);
        float[] error = new float[x.length];
        quantizer.error(x, TOKENS, error, 0);
        for (int t = 0; t < TOKENS; t++) {
          double weight = t < 2 ? 2.5 : 1;
          double[] row = new double[2 * CHANNELS + 1];
          row[2 * CHANNELS] = 1;
          for (int c = 0; c < CHANNELS; c++) {
            row[c] = (double) x[t * CHANNELS + c] + error[t * CHANNELS + c];
            row[CHANNELS + c] = x[t * CHANNELS + c];
          }
          for (int i = 0; i < row.length; i++) {
            for (int j = 0; j < row.length; j++) {
              expected[i][j] += weight * row[i] * row[j];
            }
          }
        }
      }

      InputMoments m = collector(bits, 0, IMAGES, true).moments().get(0);

      double weight = expected[2 * CHANNELS][2 * CHANNELS];
      assertThat(m.weight()).isEqualTo(weight);
      assertThat(m.tokens()).isEqualTo(IMAGES * TOKENS);
      for (int i = 0; i < CHANNELS; i++) {
        // A unit of x is 2e-4.
        assertThat(m.quantizedMean(i)).isCloseTo(expected[i][2 * CHANNELS] / weight, within(1e-6));
        assertThat(m.inputMean(i))
            .isCloseTo(expected[CHANNELS + i][2 * CHANNELS] / weight, within(2e-5));
        for (int j = 0; j < CHANNELS; j++) {
          assertThat(m.quantizedMoment(i, j)).isCloseTo(expected[i][j] / weight, within(1e-5));
          assertThat(m.crossMoment(i, j))
              .isCloseTo(expected[i][CHANNELS + j] / weight, within(1e-4));
        }
      }
    }
  }

  @Test
  void theBytesDoNotDependOnHowImagesAreGrouped() {
    InputMoments some = collector(4, 0, 2, true).moments().get(0);
    some.merge(collector(4, 2, IMAGES, true).moments().get(0));

    assertThat(some.toBytes()).isEqualTo(collector(4, 0, IMAGES, true).moments().get(0).toBytes());
  }

  @Test
  void momentsTakenInBetweenChangeNothing() {
    MomentsCollector collector = collector(4, 0, 2, true);
    collector.moments().get(0);
    collector.add(values(2), TOKENS, 2, 2.5);

    assertThat(collector.moments().get(0).toBytes())
        .isEqualTo(collector(4, 0, 3, true).moments().get(0).toBytes());
  }

  @Test
  void imagesMayDifferInTheWeightOfTheirFirstTokens() {
    MomentsCollector both = collector(4, 0, 1, true);
    both.add(values(1), TOKENS, 2, 0.5);
    MomentsCollector second = collector(4, 0, 0, true);
    second.add(values(1), TOKENS, 2, 0.5);

    InputMoments expected = collector(4, 0, 1, true).moments().get(0);
    expected.merge(second.moments().get(0));

    assertThat(both.moments().get(0).toBytes()).isEqualTo(expected.toBytes());
    assertThat(expected.weight()).isEqualTo(2 * (TOKENS - 2) + 2 * 2.5 + 2 * 0.5);
  }

  @Test
  void severalQuantizersHaveTheMomentsOfEachAlone() {
    float[] absMax = new float[CHANNELS];
    Arrays.fill(absMax, ABS_MAX);
    for (boolean cross : new boolean[] {true, false}) {
      MomentsCollector together =
          new MomentsCollector(
              3, List.of(quantizer(4), quantizer(6)), absMax, cross, new PlainCodeProducts());
      for (int image = 0; image < IMAGES; image++) {
        together.add(values(image), TOKENS, 2, 2.5);
      }
      List<InputMoments> moments = together.moments();

      assertThat(moments).hasSize(2);
      for (int k = 0; k < 2; k++) {
        assertThat(moments.get(k).toBytes())
            .isEqualTo(collector(4 + 2 * k, 0, IMAGES, cross).moments().get(0).toBytes());
      }
    }
  }

  @Test
  void namesTheChannelOfAnActivationThatIsNotFinite() {
    for (float bad : new float[] {Float.NaN, Float.NEGATIVE_INFINITY}) {
      float[] x = values(0);
      x[2 * CHANNELS + 3] = bad;
      assertRefused(x, ErrorCode.NON_FINITE_ACTIVATION, "channel 3");
    }
  }

  @Test
  void namesTheChannelOfAnActivationThatStatisticsDoNotKnow() {
    float[] x = values(0);
    x[5 * CHANNELS + 2] = -ABS_MAX * 1.002f;

    assertRefused(x, ErrorCode.SUM_OVERFLOW, "|6.012| in channel 2");
  }

  @Test
  void aChannelThatWasAlwaysZeroMayBeARoundingErrorAway() {
    float[] absMax = {1f, 0f};
    MomentsCollector collector =
        new MomentsCollector(
            3,
            List.of(NoisyQuantizer.uniform(new UniformQuantizer(4, 0.25f), new float[2])),
            absMax,
            true,
            new PlainCodeProducts());

    collector.add(new float[] {0.5f, 1e-8f}, 1, 0, 1);

    assertThat(collector.moments().get(0).inputMean(0)).isCloseTo(0.5, within(1e-4));
    assertThat(collector.moments().get(0).inputMean(1)).isCloseTo(0, within(1e-7));
  }

  @Test
  void aSiteThatIsAlwaysZeroHasMomentsOfZero() {
    MomentsCollector collector =
        new MomentsCollector(
            3,
            List.of(NoisyQuantizer.uniform(new UniformQuantizer(4, 1f), new float[1])),
            new float[1],
            true,
            new PlainCodeProducts());

    collector.add(new float[3], 3, 0, 1);

    assertThat(collector.moments().get(0).quantizedMoment(0, 0)).isZero();
    assertThat(collector.moments().get(0).crossMoment(0, 0)).isZero();
  }

  private static void assertRefused(float[] x, ErrorCode code, String what) {
    MomentsCollector collector = collector(4, 0, 0, true);

    assertThatExceptionOfType(NoisyQuantException.class)
        .isThrownBy(() -> collector.add(x, TOKENS, 0, 1))
        .withMessageContaining(what)
        .satisfies(e -> assertThat(e.code()).isEqualTo(code));
    assertThat(collector.moments().get(0).tokens()).isZero();
  }

  private static MomentsCollector collector(int bits, int from, int to, boolean cross) {
    float[] absMax = new float[CHANNELS];
    Arrays.fill(absMax, ABS_MAX);
    MomentsCollector collector =
        new MomentsCollector(3, List.of(quantizer(bits)), absMax, cross, new PlainCodeProducts());
    for (int image = from; image < to; image++) {
      collector.add(values(image), TOKENS, 2, 2.5);
    }
    return collector;
  }

  private static NoisyQuantizer quantizer(int bits) {
    float[] steps = new float[CHANNELS];
    float[] noise = new float[CHANNELS];
    for (int c = 0; c < CHANNELS; c++) {
      steps[c] = (1 + 0.1f * c) * 2 / (1 << (bits - 1));
      noise[c] = 0.3f * steps[c] * (c - 2);
    }
    return new NoisyQuantizer(bits, steps, noise, noise);
  }

  private static float[] values(int image) {
    Random random = new Random(image);
    float[] values = new float[TOKENS * CHANNELS];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) Math.max(-ABS_MAX, Math.min(ABS_MAX, random.nextGaussian()));
    }
    return values;
  }
}
