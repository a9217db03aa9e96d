package org.noisyquant.search;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.noisyquant.search.TestSite.Shape;
import org.noisyquant.stats.ChannelHistograms;

class ErrorMomentsTest {
  private static ChannelCells cells(int bits, float... values) {
    ChannelHistograms h = ChannelHistograms.empty(1);
    h.update(values, 0, values.length);
    return ChannelCells.forSearch(ChannelDensity.of(List.of(h), new double[] {1}, 0), bits);
  }

  private static float[] values(Shape shape) {
    return TestSite.of(shape, 1, 1, 3000, 3).values(0);
  }

  @Test
  void momentsAreTheSumsOverThePointsAndTheVarianceWithinCells() {
    Random random = new Random(1);
    for (int bits : new int[] {2, 4, 6, 8}) {
      for (Shape shape : Shape.values()) {
        ChannelCells channel = cells(bits, values(shape));
        ErrorMoments moments = new ErrorMoments(bits, 40);
        float[] steps = new float[40];
        for (int j = 0; j < 40; j++) {
          steps[j] = (float) (8 * (1 + random.nextDouble()) / (1 << bits));
          moments.add(steps[j], (float) (3 * steps[j] * random.nextGaussian()));
        }
        moments.evaluate(channel);

        // The finest step asks for the cells.
        ChannelDensity density = channel.of((float) min(steps));
        for (int j = 0; j < 40; j++) {
          double first = 0;
          double second = density.within();
          for (int i = 0; i < density.values().length; i++) {
            double t = (double) density.values()[i] + moments.offset(j);
            double e = TestSite.quantized(t, steps[j], bits) - t;
            first += density.weights()[i] * e;
            second += density.weights()[i] * e * e;
          }
          String what = shape + ", " + bits + " bits, pair " + j;
          assertThat((double) moments.mean(j)).as(what).isEqualTo(first, within(steps[j] * 1e-4));
          assertThat((double) moments.square(j)).as(what).isEqualTo(second, within(1e-4 * second));
          assertThat((double) moments.variance(j))
              .as(what)
              .isEqualTo(second - first * first, within(1e-4 * second));
        }
      }
    }
  }

  private static double min(float[] values) {
    double min = Double.POSITIVE_INFINITY;
    for (float v : values) {
      min = Math.min(min, v);
    }
    return min;
  }

  @Test
  void theErrorOfOneLevelHasTheVarianceOfTheChannel() {
    // All rounds to zero: e = −x, and what cells hide of x is within them.
    float[] values = values(Shape.GAUSSIAN);
    ErrorMoments moments = new ErrorMoments(4, 1);
    moments.add(1000f, 0f);
    ChannelCells channel = cells(4, values);
    moments.evaluate(channel);

    assertThat(channel.of(1000f).values().length).isLessThanOrEqualTo(2);
    assertThat((double) moments.mean(0)).isEqualTo(-channel.density().mean(), within(1e-5));
    assertThat((double) moments.variance(0))
        .isEqualTo(channel.density().spread(true), within(1e-4));
  }

  @Test
  void halvesRoundToEven() {
    ErrorMoments moments = new ErrorMoments(4, 2);
    moments.add(1f, 0f);
    moments.add(1f, 1f);
    moments.evaluate(cells(4, 0.5f));

    assertThat(moments.mean(0)).isEqualTo(-0.5f);
    assertThat(moments.mean(1)).isEqualTo(0.5f);
  }

  @Test
  void valuesBeyondTheLevelsAreClipped() {
    ErrorMoments moments = new ErrorMoments(3, 3);
    moments.add(1f, 0f);
    moments.add(1f, -10f);
    moments.add(1f, -2f);
    moments.evaluate(cells(3, 5f));

    // Levels −4 … 3.
    assertThat(moments.mean(0)).isEqualTo(-2f);
    assertThat(moments.mean(1)).isEqualTo(1f);
    assertThat(moments.mean(2)).isZero();
    assertThat(moments.variance(0)).isZero();
  }

  @Test
  void clearingForgetsPairs() {
    ErrorMoments moments = new ErrorMoments(4, 2);
    moments.add(1f, 0.3f);
    moments.add(1f, 0.4f);
    moments.clear();
    moments.add(2f, 0.1f);
    moments.evaluate(cells(4, 1.9f));

    assertThat(moments.size()).isEqualTo(1);
    assertThat(moments.mean(0)).isEqualTo(0f, within(1e-6f));
  }

  @Test
  void noPairsCostNothing() {
    ErrorMoments moments = new ErrorMoments(4, 0);
    moments.evaluate(cells(4, 1f));

    assertThat(moments.size()).isZero();
  }
}
