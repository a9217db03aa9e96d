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
    assertThat(density.spread(true))
        .isEqualTo(secondMoment(values, mean(values)), within(BIN / 10));
    assertThat(density.spread(false)).isEqualTo(secondMoment(values, 0), within(BIN / 10));
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
    assertThat(density.within()).isZero();
    assertThat(density.spread(true)).isZero();
  }

  @Test
  void nothingCountedIsAChannelOfZeros() {
    ChannelDensity density =
        ChannelDensity.of(List.of(ChannelHistograms.empty(1)), new double[] {1}, 0);

    assertThat(density.values()).containsExactly(0f);
    assertThat(density.mean()).isZero();
    assertThat(density.spread(false)).isZero();
  }

  @Test
  void wideBinsAreSplitIntoEqualParts() {
    // The bins of −1 and 1 are whole, that of 3.99 ends there.
    ChannelDensity cells = density(-1f, 1f, 3.99f).inCells(-8);

    assertThat(cells.values()).hasSize(6);
    assertThat(cells.values()[2]).isEqualTo(1f + 0x1p-9f);
    assertThat(cells.values()[3]).isEqualTo(1f + 3 * 0x1p-9f);
    assertThat(cells.widths()[2]).isEqualTo(0x1p-8f);
    assertThat(cells.weights()[2]).isEqualTo(1 / 6f);
  }

  @Test
  void binsOfOneCellAreJoinedAtTheirMean() {
    ChannelDensity cells = density(1f, 1f, 1.5f, 3.99f).inCells(0);

    // Cells [1, 2) and [3, 4); each value counts as the centre of its bin.
    assertThat(cells.values()).hasSize(2);
    assertThat(cells.values()[0]).isEqualTo((1f + 1f + 1.5f) / 3 + 0x1p-8f, within(1e-6f));
    assertThat(cells.weights()[0]).isEqualTo(0.75f, within(1e-6f));
  }

  @Test
  void cellsOfAnyWidthKeepMeanAndSecondMoment() {
    float[] values = values(3000);
    ChannelDensity density = density(values);
    for (int exponent = -12; exponent <= 4; exponent++) {
      ChannelDensity cells = density.inCells(exponent);

      assertThat(total(cells)).as("2^%d", exponent).isEqualTo(1, within(1e-5));
      assertThat(cells.mean()).as("2^%d", exponent).isEqualTo(density.mean(), within(1e-5));
      assertThat(cells.secondMoment(-1))
          .as("2^%d", exponent)
          .isEqualTo(density.secondMoment(-1), within(1e-4));
    }
    assertThat(density.inCells(4).values()).hasSize(2);
    assertThat(density.inCells(-12).values()).hasSize(4 * density.values().length);
  }

  @Test
  void cellsOfLargeValuesKeepTheirVariance() {
    // Around 1000 a square has no digits left for a variance of 1e-4.
    Random random = new Random(5);
    float[] values = new float[2000];
    for (int i = 0; i < values.length; i++) {
      values[i] = 1000 + 0.01f * (float) random.nextGaussian();
    }
    ChannelDensity density = density(values);
    ChannelDensity cells = density.inCells(4);

    // One bin: as wide as the range, not as 2^1.
    assertThat(density.widths()[0]).isLessThan(0.1f);
    assertThat(cells.spread(true)).isEqualTo(density.spread(true), within(1e-6));
  }

  @Test
  void cellsAreAShareOfAStepAndMadeOnce() {
    ChannelDensity density = density(values(3000));
    ChannelCells coarse = ChannelCells.forSearch(density, 4);
    ChannelCells fine = ChannelCells.forSearch(density, 8);

    assertThat(coarse.of(1f)).isSameAs(coarse.of(1.3f));
    // 12 cells of 2^-4 are less than a step of 1; 4 cells of 2^-2 are one.
    assertThat(coarse.of(1f).values()).isEqualTo(density.inCells(-4).values());
    assertThat(fine.of(1f).values()).isEqualTo(density.inCells(-2).values());
    assertThat(fine.of(Float.MIN_NORMAL).mean()).isEqualTo(density.mean(), within(1e-5));
    assertThat(fine.of(1e30f).mean()).isEqualTo(density.mean(), within(1e-5));
  }
}
