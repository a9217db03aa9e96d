package org.noisyquant.search;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.noisyquant.search.TestSite.Shape;
import org.noisyquant.stats.ChannelHistograms;

class ErrorMomentsTest {
  private static ChannelDistribution channel(float... values) {
    ChannelHistograms h = ChannelHistograms.empty(1);
    h.update(values, 0, values.length);
    return ChannelDistribution.of(ChannelDensity.of(List.of(h), new double[] {1}, 0));
  }

  @Test
  void momentsAreThoseOfTheValuesThemselves() {
    for (int bits : new int[] {3, 4, 6}) {
      for (Shape shape : Shape.values()) {
        float[] values = TestSite.of(shape, 1, 1, 3000, 3).values(0);
        ErrorMoments moments = new ErrorMoments(bits, 8);
        for (int j = 0; j < 8; j++) {
          float step = 8f * (1 + j / 8f) / (1 << bits);
          moments.add(step, 0.3f * j * step - step);
        }
        moments.evaluate(channel(values));

        for (int j = 0; j < moments.size(); j++) {
          double first = 0;
          double second = 0;
          for (float x : values) {
            double t = x + (double) moments.offset(j);
            double e = TestSite.quantized(t, moments.step(j), bits) - t;
            first += e / values.length;
            second += e * e / values.length;
          }
          // A bin's values are not spread evenly: 3,000 of them are few.
          String what = shape + ", " + bits + " bits, pair " + j;
          double step = moments.step(j);
          assertThat((double) moments.mean(j)).as(what).isEqualTo(first, within(0.03 * step));
          assertThat((double) moments.square(j)).as(what).isEqualTo(second, within(0.05 * second));
          assertThat((double) moments.variance(j))
              .as(what)
              .isEqualTo(second - first * first, within(0.05 * second));
        }
      }
    }
  }

  @Test
  void smallStepsMayBeEstimatedAndOthersAreNot() {
    ChannelDistribution channel = channel(TestSite.of(Shape.GAUSSIAN, 1, 1, 3000, 3).values(0));
    float range = channel.maximum() - channel.minimum();
    ErrorMoments exact = new ErrorMoments(8, 2);
    ErrorMoments rough = new ErrorMoments(8, 2);
    for (ErrorMoments moments : List.of(exact, rough)) {
      moments.add(range / 200, 0.01f);
      moments.add(range / 50, 0.01f);
    }
    exact.evaluate(channel);
    rough.evaluate(channel, 64);

    assertThat(rough.square(0)).isNotEqualTo(exact.square(0));
    assertThat(rough.square(0)).isEqualTo(exact.square(0), within(0.05f * exact.square(0)));
    assertThat(rough.square(1)).isEqualTo(exact.square(1));
    assertThat(rough.mean(1)).isEqualTo(exact.mean(1));
  }

  @Test
  void halvesRoundToEven() {
    ErrorMoments moments = new ErrorMoments(4, 2);
    moments.add(1f, 0f);
    moments.add(1f, 1f);
    moments.evaluate(channel(0.5f));

    assertThat(moments.mean(0)).isEqualTo(-0.5f);
    assertThat(moments.mean(1)).isEqualTo(0.5f);
  }

  @Test
  void valuesBeyondTheLevelsAreClipped() {
    ErrorMoments moments = new ErrorMoments(3, 3);
    moments.add(1f, 0f);
    moments.add(1f, -10f);
    moments.add(1f, -2f);
    moments.evaluate(channel(5f));

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
    moments.evaluate(channel(1.9f));

    assertThat(moments.size()).isEqualTo(1);
    assertThat(moments.mean(0)).isEqualTo(0f, within(1e-6f));
  }

  @Test
  void noPairsCostNothing() {
    ErrorMoments moments = new ErrorMoments(4, 0);
    moments.evaluate(channel(1f));

    assertThat(moments.size()).isZero();
  }
}
