package org.noisyquant.search;

import java.util.Arrays;
import java.util.List;
import org.noisyquant.stats.ChannelHistograms;

/**
 * The distribution of one channel's activations as weighted points: the centres of the non-empty
 * bins of its histograms, with weights that sum to 1. Within a bin values are spread evenly.
 *
 * @param values in units of the activation, ascending within each group of tokens
 * @param weights shares of the values, positive
 * @param widths of the bins
 * @param minimum of the channel; 0 if nothing was counted
 * @param maximum of the channel; 0 if nothing was counted
 */
@SuppressWarnings("ArrayRecordComponent") // Never compared or printed.
record ChannelDensity(
    float[] values, float[] weights, float[] widths, float minimum, float maximum) {
  /**
   * The density of one channel.
   *
   * @param groups histograms of each group of tokens
   * @param groupWeights what a token of each group counts, positive
   */
  static ChannelDensity of(List<ChannelHistograms> groups, double[] groupWeights, int channel) {
    double total = 0;
    float minimum = Float.POSITIVE_INFINITY;
    float maximum = Float.NEGATIVE_INFINITY;
    for (int g = 0; g < groupWeights.length; g++) {
      ChannelHistograms h = groups.get(g);
      total += groupWeights[g] * h.tokens();
      minimum = Math.min(minimum, h.minimum(channel));
      maximum = Math.max(maximum, h.maximum(channel));
    }
    if (total == 0) {
      return new ChannelDensity(new float[1], new float[] {1f}, new float[1], 0f, 0f);
    }
    Points points = new Points(groupWeights.length * ChannelHistograms.BINS);
    for (int g = 0; g < groupWeights.length; g++) {
      add(points, groups.get(g), groupWeights[g] / total, channel);
    }
    return points.density(minimum, maximum);
  }

  private static void add(Points points, ChannelHistograms h, double weight, int channel) {
    float low = h.minimum(channel);
    float high = h.maximum(channel);
    for (int bin = 0; bin < ChannelHistograms.BINS; bin++) {
      int count = h.count(channel, bin);
      if (count > 0) {
        double left = Math.scalb(bin - ChannelHistograms.BINS / 2.0, h.exponent(channel));
        double right = left + Math.scalb(1.0, h.exponent(channel));
        // The extremes are known exactly: a constant channel has one value, not a bin of them.
        double from = Math.max(left, low);
        double to = Math.min(right, high);
        points.add((float) ((from + to) / 2), (float) (weight * count), (float) (to - from));
      }
    }
  }

  /** E[x]. */
  double mean() {
    double sum = 0;
    for (int i = 0; i < values.length; i++) {
      sum += (double) weights[i] * values[i];
    }
    return sum;
  }

  /** E[(x − centre)²]. */
  double secondMoment(double centre) {
    double sum = 0;
    for (int i = 0; i < values.length; i++) {
      double d = values[i] - centre;
      sum += weights[i] * (d * d + (double) widths[i] * widths[i] / 12);
    }
    return sum;
  }

  /** Points in the making. */
  private static final class Points {
    private final float[] values;
    private final float[] weights;
    private final float[] widths;
    private int size;

    Points(int capacity) {
      values = new float[capacity];
      weights = new float[capacity];
      widths = new float[capacity];
    }

    void add(float value, float weight, float width) {
      values[size] = value;
      weights[size] = weight;
      widths[size] = width;
      size++;
    }

    ChannelDensity density(float minimum, float maximum) {
      return new ChannelDensity(
          Arrays.copyOf(values, size),
          Arrays.copyOf(weights, size),
          Arrays.copyOf(widths, size),
          minimum,
          maximum);
    }
  }
}
