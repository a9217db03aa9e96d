package org.noisyquant.search;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.noisyquant.stats.ChannelHistograms;

class ChannelDensityTest {
  /** Values below 4 in magnitude are counted in bins of 2^-7. */
  private static final double BIN = Math.pow(2, -7);

  private static ChannelHistograms histograms(float... values) {
    ChannelHistograms h = ChannelHistograms.empty(1);
    h.update(values, 0, values.length);
    return h;
  }

  private static ChannelDensity density(float... values) {
    return ChannelDensity.of(List.of(histograms(values)), new double[] {1}, 0);
  }

  /** Between −4 and 4, one of them near 4. */
  private static float[] values(int count) {
    Random random = new Random(11);
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) Math.max(-3.9, Math.min(3.9, 0.5 + random.nextGaussian()));
    }
    values[0] = 3.95f;
    return values;
  }

  private static double mean(float[] values) {
    double sum = 0;
    for (float v : values) {
      sum += v;
    }
    return sum / values.length;
  }

  private static double secondMoment(float[] values, double centre) {
    double sum = 0;
    for (float v : values) {
      sum += (v - centre) * (v - centre);
    }
    return sum / values.length;
  }

  private static double total(ChannelDensity density) {
    double sum = 0;
    for (float w : density.weights()) {
      sum += w;
    }
    return sum;
  }

  @Test
  void weightsSumToOne() {
    assertThat(total(density(values(5000)))).isEqualTo(1, within(1e-5));
  }

  @Test
  void momentsAreThoseOfTheValuesWithinABinsWidth() {
    float[] values = values(5000);
    ChannelDensity density = density(values);

    assertThat(density.mean()).isEqualTo(mean(values), within(BIN / 10));
    assertThat(density.secondMoment(0.3)).isEqualTo(secondMoment(values, 0.3), within(BIN / 10));
    assertThat(density.secondMoment(density.mean()))
        .isEqualTo(secondMoment(values, mean(values)), within(BIN / 10));
  }

  @Test
  void extremesAreExact() {
    float[] values = values(500);
    ChannelDensity density = density(values);
    Arrays.sort(values);

    assertThat(density.minimum()).isEqualTo(values[0]);
    assertThat(density.maximum()).isEqualTo(values[499]);
  }

  @Test
  void groupsCountByTheirWeightAndTheirTokens() {
    ChannelDensity density =
        ChannelDensity.of(
            List.of(histograms(2f), histograms(1f, 1f, 1f, 1f)), new double[] {6, 1}, 0);

    assertThat(density.values()).containsExactly(2f, 1f);
    assertThat(density.weights()).containsExactly(0.6f, 0.4f);
    assertThat(density.minimum()).isEqualTo(1f);
    assertThat(density.maximum()).isEqualTo(2f);
  }

  @Test
  void anEmptyGroupChangesNothing() {
    ChannelDensity alone = density(values(100));
    ChannelDensity both =
        ChannelDensity.of(
            List.of(ChannelHistograms.empty(1), histograms(values(100))), new double[] {5, 1}, 0);

    assertThat(both.values()).isEqualTo(alone.values());
    assertThat(both.weights()).isEqualTo(alone.weights());
    assertThat(both.minimum()).isEqualTo(alone.minimum());
  }

  @Test
  void aConstantChannelIsOneExactValue() {
    ChannelDensity density = density(1.2345f, 1.2345f, 1.2345f);

    assertThat(density.values()).containsExactly(1.2345f);
    assertThat(density.weights()).containsExactly(1f);
    assertThat(density.widths()).containsExactly(0f);
    assertThat(density.secondMoment(density.mean())).isZero();
  }

  @Test
  void nothingCountedIsAChannelOfZeros() {
    ChannelDensity density =
        ChannelDensity.of(List.of(ChannelHistograms.empty(1)), new double[] {1}, 0);

    assertThat(density.values()).containsExactly(0f);
    assertThat(density.mean()).isZero();
    assertThat(density.secondMoment(0)).isZero();
  }
}
