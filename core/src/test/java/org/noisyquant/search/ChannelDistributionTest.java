package org.noisyquant.search;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.noisyquant.search.TestSite.Shape;
import org.noisyquant.stats.ChannelHistograms;

class ChannelDistributionTest {
  private static ChannelDensity density(float... values) {
    ChannelHistograms h = ChannelHistograms.empty(1);
    h.update(values, 0, values.length);
    return ChannelDensity.of(List.of(h), new double[] {1}, 0);
  }

  private static float[] values(Shape shape) {
    return TestSite.of(shape, 1, 1, 3000, 3).values(0);
  }

  private static double[] errorMoments(
      ChannelDistribution channel, int bits, double step, double offset) {
    double[] moments = new double[2];
    channel.errorMoments(-(1 << (bits - 1)), 1 << bits, step, offset, moments);
    return moments;
  }

  /** The same over many places of each bin. */
  private static double[] plain(ChannelDensity density, int bits, double step, double offset) {
    int parts = 200;
    double[] moments = new double[2];
    for (int i = 0; i < density.values().length; i++) {
      for (int k = 0; k < parts; k++) {
        double x = density.values()[i] + ((k + 0.5) / parts - 0.5) * density.widths()[i];
        double level = Math.rint((x + offset) / step);
        double low = -(1 << (bits - 1));
        double e = Math.max(low, Math.min(-low - 1, level)) * step - offset - x;
        moments[0] += density.weights()[i] / parts * e;
        moments[1] += density.weights()[i] / parts * e * e;
      }
    }
    return moments;
  }

  @Test
  void errorsAreThoseOfValuesThatAreSpreadEvenlyWithinBins() {
    Random random = new Random(1);
    for (int bits : new int[] {2, 4, 6, 8}) {
      for (Shape shape : Shape.values()) {
        ChannelDensity density = density(values(shape));
        ChannelDistribution channel = ChannelDistribution.of(density);
        double range = channel.maximum() - channel.minimum();
        for (int j = 0; j < 40; j++) {
          // From four times what holds the range to an eighth of it, clipped at either side.
          double step = range / (1 << bits) * Math.pow(2, 2 - 5 * random.nextDouble());
          double offset = -channel.mean() + (1 << (bits - 1)) * step * random.nextGaussian() / 2;

          double[] moments = errorMoments(channel, bits, step, offset);

          double[] expected = plain(density, bits, step, offset);
          String what = shape + ", " + bits + " bits, step " + step + ", offset " + offset;
          // Edges of bins are not edges of cells.
          double cell = range / ChannelDistribution.CELLS;
          assertThat(moments[0]).as(what).isEqualTo(expected[0], within(cell / 5 + step / 100));
          assertThat(moments[1])
              .as(what)
              .isEqualTo(expected[1], within(0.01 * expected[1] + 0.02 * cell * step));
        }
      }
    }
  }

  @Test
  void theSmoothEstimateIsTheErrorWhereStepsAreSmall() {
    Random random = new Random(1);
    for (Shape shape : Shape.values()) {
      ChannelDistribution channel = ChannelDistribution.of(density(values(shape)));
      double range = channel.maximum() - channel.minimum();
      for (int j = 0; j < 60; j++) {
        // From what holds the range at 8 bits to a third of it, clipped at either side.
        double step = range / 255 / (1 + 2 * random.nextDouble());
        double offset = -channel.mean() + 60 * step * random.nextGaussian();
        double[] smooth = new double[2];

        channel.smoothErrorMoments(-128, 256, step, offset, smooth);

        double[] exact = errorMoments(channel, 8, step, offset);
        String what = shape + ", step " + step + ", offset " + offset;
        assertThat(smooth[0]).as(what).isEqualTo(exact[0], within(step / 20));
        assertThat(smooth[1])
            .as(what)
            .isEqualTo(exact[1], within(0.03 * exact[1] + 0.2 * step * step / 12));
      }
    }
  }

  @Test
  void theSmoothEstimateOfLevelsThatAllLieBesideTheValues() {
    ChannelDistribution channel = ChannelDistribution.of(density(5f, 6f, 7f));
    double[] moments = new double[2];

    // Levels −128 … 127 are below and then, from 128 on, above: all is clipped to the nearest.
    channel.smoothErrorMoments(-128, 256, 1.0 / 64, 0, moments);
    assertThat(moments[0]).isEqualTo(127 / 64.0 - 6, within(0.01));
    assertThat(moments[1]).isEqualTo(Math.pow(127 / 64.0 - 6, 2) + 2 / 3.0, within(0.05));

    channel.smoothErrorMoments(-128, 256, 1.0 / 64, -12, moments);
    assertThat(moments[0]).isEqualTo(10 - 6, within(0.01));
    assertThat(moments[1]).isEqualTo(16 + 2 / 3.0, within(0.05));
  }

  @Test
  void aConstantChannelHasNoSmoothEstimate() {
    ChannelDistribution channel = ChannelDistribution.of(density(1.25f, 1.25f));

    assertThat(channel.isLongerThan(0, 1)).isFalse();
    assertThatIllegalStateException()
        .isThrownBy(() -> channel.smoothErrorMoments(-128, 256, 0.1, 0, new double[2]));
  }

  @Test
  void anEvenSpreadHasTheErrorOfTextbooks() {
    // 4 bits, levels −8 … 7 of a step of 0.5: nothing is clipped, e is even in ±s/2.
    float[] values = new float[7 * 1024];
    for (int i = 0; i < values.length; i++) {
      values[i] = -3.5f + (i + 0.5f) / 1024;
    }
    ChannelDistribution channel = ChannelDistribution.of(density(values));

    double[] moments = errorMoments(channel, 4, 0.5, 0);

    assertThat(moments[0]).isEqualTo(0, within(1e-3));
    assertThat(moments[1]).isEqualTo(0.25 / 12, within(1e-4));
  }

  @Test
  void largeValuesLoseNoDigits() {
    // Around 1000, where squares are 10^12 times the error of 8 bits.
    Random random = new Random(5);
    float[] values = new float[4000];
    for (int i = 0; i < values.length; i++) {
      values[i] = 1000 + random.nextFloat();
    }
    ChannelDistribution channel = ChannelDistribution.of(density(values));
    double step = 1.0 / 255;

    double[] moments = errorMoments(channel, 8, step, -1000.5);

    assertThat(moments[1]).isEqualTo(step * step / 12, within(0.05 * step * step / 12));
  }

  @Test
  void theErrorOfOneLevelHasTheVarianceOfTheChannel() {
    for (Shape shape : Shape.values()) {
      ChannelDistribution channel = ChannelDistribution.of(density(values(shape)));

      double[] moments = errorMoments(channel, 4, 1000, 0);

      assertThat(moments[0]).isEqualTo(-channel.mean(), within(1e-3));
      assertThat(moments[1]).isEqualTo(channel.spread(false), within(2e-3 * channel.spread(false)));
      assertThat(channel.spread(true))
          .isEqualTo(channel.spread(false) - channel.mean() * channel.mean(), within(1e-9));
    }
  }

  @Test
  void allValuesBeyondTheLevelsAreClippedToTheNearest() {
    ChannelDistribution channel = ChannelDistribution.of(density(5f, 6f, 7f));

    // Levels −4 … 3, then −4 … 3 minus an offset that puts all of them above.
    double[] below = errorMoments(channel, 3, 1, 0);
    double[] above = errorMoments(channel, 3, 1, -20);

    assertThat(below[0]).isEqualTo(3 - 6, within(0.01));
    assertThat(below[1]).isEqualTo(9 + 2 / 3.0, within(0.05));
    assertThat(above[0]).isEqualTo(16 - 6, within(0.01));
    assertThat(above[1]).isEqualTo(100 + 2 / 3.0, within(0.3));
  }

  @Test
  void aConstantChannelIsOneExactValue() {
    ChannelDistribution channel = ChannelDistribution.of(density(1.25f, 1.25f));

    assertThat(channel.isConstant()).isTrue();
    assertThat(channel.mean()).isEqualTo(1.25);
    assertThat(channel.spread(true)).isZero();
    assertThat(errorMoments(channel, 4, 1, 0)).containsExactly(-0.25, 0.0625);
    assertThat(errorMoments(channel, 4, 1, -0.25)).containsExactly(0, 0);
  }

  @Test
  void groupsOfTokensMayReachFurtherThanOneAnother() {
    ChannelHistograms prefix = ChannelHistograms.empty(1);
    prefix.update(new float[] {-40f, 40f}, 0, 2);
    ChannelHistograms patch = ChannelHistograms.empty(1);
    patch.update(new float[] {0.25f, 0.5f}, 0, 2);
    ChannelDensity density = ChannelDensity.of(List.of(prefix, patch), new double[] {3, 1}, 0);

    double[] moments = errorMoments(ChannelDistribution.of(density), 2, 1, 0);

    // Levels −2 … 1: three quarters are clipped to −2 and 1, the rest rounds to 0.
    assertThat(moments[0]).isEqualTo(0.375 * (38 - 39) - 0.25 * 0.375, within(0.02));
    assertThat(moments[1])
        .isEqualTo(0.375 * (38 * 38 + 39 * 39) + 0.125 * (0.0625 + 0.25), within(5.0));
  }
}
