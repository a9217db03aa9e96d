package org.noisyquant.search;

import java.util.List;

/**
 * Values that a channel may take on images that calibration has not seen: what any channel of the
 * site took on those it has. Behind GELU a channel that stayed below 0.1 can reach 5 on the next
 * image, as others did; an offset that uses all levels for the range seen would clip it by far.
 *
 * <p>A channel's density is mixed with {@value #SHARE} of the mean density of all channels, of
 * which only clipping counts: E[(x − clamp(x, a, b))²] for levels that reach from a to b. It is
 * convex in the place of the levels and far below what a channel's own values say, so that it
 * decides between places that are as good for these.
 *
 * <p>Immutable.
 */
final class UnseenValues {
  /**
   * Of the mean density in that of a channel. On inputs of GELU and LayerNorm of DeiT-tiny, 1/1000
   * to 1/10 differ little; from 1/10 on LayerNorm's wide channels draw others from their own best.
   */
  private static final double SHARE = 1.0 / 64;

  private static final int BINS = 1024;

  /** Nothing but what was seen. */
  static final UnseenValues NONE = new UnseenValues(0, 1, new double[3][BINS + 1]);

  private final double low;
  private final double width;

  /** Σ p·(x − low)^k over the bins before each, k = 0, 1, 2, for shares p of all values. */
  private final double[][] sums;

  private UnseenValues(double low, double width, double[][] sums) {
    this.low = low;
    this.width = width;
    this.sums = sums;
  }

  /** Of the channels of a site. */
  static UnseenValues of(List<ChannelDistribution> channels) {
    double low = channels.stream().mapToDouble(ChannelDistribution::minimum).min().orElse(0);
    double high = channels.stream().mapToDouble(ChannelDistribution::maximum).max().orElse(0);
    if (!(high > low)) {
      return NONE;
    }
    double width = (high - low) / BINS;
    double[][] sums = new double[3][BINS + 1];
    for (ChannelDistribution channel : channels) {
      channel.forEachCell(
          (centre, weight) -> {
            double x = centre - low;
            int bin = (int) Math.max(0, Math.min(BINS - 1, x / width));
            double share = SHARE * weight / channels.size();
            sums[0][bin + 1] += share;
            sums[1][bin + 1] += share * x;
            sums[2][bin + 1] += share * x * x;
          });
    }
    for (double[] power : sums) {
      for (int bin = 0; bin < BINS; bin++) {
        power[bin + 1] += power[bin];
      }
    }
    return new UnseenValues(low, width, sums);
  }

  /**
   * What clipping adds to E[e²] of a channel whose levels reach from one value to another. A bin
   * that holds an end is not clipped there.
   *
   * @param from the lowest x that is not clipped
   * @param to the highest, not below it
   */
  float clipping(float from, float to) {
    double a = from - low;
    double b = to - low;
    int below = (int) Math.max(0, Math.min(BINS, Math.floor(a / width)));
    int above = (int) Math.max(0, Math.min(BINS, Math.ceil(b / width)));
    double square =
        squares(a, sums[0][below], sums[1][below], sums[2][below])
            + squares(
                b,
                sums[0][BINS] - sums[0][above],
                sums[1][BINS] - sums[1][above],
                sums[2][BINS] - sums[2][above]);
    return (float) Math.max(0, square);
  }

  /** Σ p·(x − end)². */
  private static double squares(double end, double mass, double first, double second) {
    return second - 2 * end * first + end * end * mass;
  }
}
