package org.noisyquant.search;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.noisyquant.stats.ChannelHistograms;

class UnseenValuesTest {
  private static ChannelDistribution channel(float... values) {
    ChannelHistograms h = ChannelHistograms.empty(1);
    h.update(values, 0, values.length);
    return ChannelDistribution.of(ChannelDensity.of(List.of(h), new double[] {1}, 0));
  }

  @Test
  void nothingIsClippedWithinTheRangeOfTheSite() {
    UnseenValues unseen = UnseenValues.of(List.of(channel(-1, 0, 1), channel(2, 3, 8)));

    assertThat(unseen.clipping(-1, 8)).isZero();
    assertThat(unseen.clipping(-5, 20)).isZero();
  }

  @Test
  void valuesOfAllChannelsCountAlike() {
    // Of six values, 8 lies 4 beyond the levels: 16/6, mixed in as one of 64.
    UnseenValues unseen = UnseenValues.of(List.of(channel(-1, 0, 1), channel(2, 3, 8)));

    assertThat((double) unseen.clipping(-1, 4)).isEqualTo(16.0 / 6 / 64, within(0.001));
    // And below: −1, 0 and 1 lie 2.5, 1.5 and 0.5 under 1.5.
    assertThat((double) unseen.clipping(1.5f, 8))
        .isEqualTo((6.25 + 2.25 + 0.25) / 6 / 64, within(0.001));
  }

  @Test
  void clippingIsThatOfAPlainLoop() {
    Random random = new Random(5);
    float[] a = new float[2000];
    float[] b = new float[2000];
    for (int i = 0; i < a.length; i++) {
      a[i] = (float) random.nextGaussian();
      b[i] = (float) (20 + 3 * random.nextGaussian());
    }
    UnseenValues unseen = UnseenValues.of(List.of(channel(a), channel(b)));
    for (float from = -6; from < 30; from += 2.3f) {
      for (float to = from + 1; to < 40; to += 3.7f) {
        double sum = 0;
        for (int i = 0; i < a.length; i++) {
          sum += Math.pow(a[i] - Math.max(from, Math.min(to, a[i])), 2);
          sum += Math.pow(b[i] - Math.max(from, Math.min(to, b[i])), 2);
        }
        assertThat((double) unseen.clipping(from, to))
            .as("from %s to %s", from, to)
            .isEqualTo(sum / (2 * a.length) / 64, within(1e-3 * sum / (2 * a.length) / 64 + 1e-5));
      }
    }
  }

  @Test
  void aConstantSiteHasNoOtherValues() {
    assertThat(UnseenValues.of(List.of(channel(2, 2, 2))).clipping(5, 6)).isZero();
    assertThat(UnseenValues.NONE.clipping(5, 6)).isZero();
  }
}
