package org.noisyquant.search;

import java.util.Arrays;
import java.util.List;
import org.noisyquant.stats.ChannelHistograms;

/**
 * The distribution of one channel's activations as weighted points: the centres of the non-empty
 * bins of its histograms, with weights that sum to 1. For a quantizer's step it is looked at in
 * cells of a share of that step: bins that are wider are split into equal parts, as if their values
 * were spread evenly, and narrower neighbours are joined. What is lost in a cell is its variance,
 * which is the same for each place of the quantizer's thresholds and is kept as a sum.
 *
 * @param values in units of the activation, ascending within each group of tokens
 * @param weights shares of the values, positive
 * @param widths of the cells
 * @param within Σ weight · variance within each cell
 * @param minimum of the channel; 0 if nothing was counted
 * @param maximum of the channel; 0 if nothing was counted
 */
@SuppressWarnings("ArrayRecordComponent") // Never compared or printed.
record ChannelDensity(
    float[] values, float[] weights, float[] widths, double within, float minimum, float maximum) {
  /**
   * The most parts of a bin. Quantizers of 8 bits have two bins or more to a step, unless most of a
   * channel is clipped: this makes eight cells of them.
   */
  private static final int MAX_PARTS = 4;

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
      return new ChannelDensity(new float[1], new float[] {1f}, new float[1], 0, 0f, 0f);
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

  /**
   * The same density in cells of the width 2^exponent, as far as {@value #MAX_PARTS} parts of a bin
   * go.
   */
  ChannelDensity inCells(int exponent) {
    float width = Math.scalb(1f, exponent);
    int size = 0;
    for (float w : widths) {
      size += parts(w, width);
    }
    Points points = new Points(size);
    int i = 0;
    while (i < values.length) {
      int parts = parts(widths[i], width);
      if (parts > 1) {
        for (int k = 0; k < parts; k++) {
          float offset = ((k + 0.5f) / parts - 0.5f) * widths[i];
          points.add(values[i] + offset, weights[i] / parts, widths[i] / parts);
        }
        i++;
      } else {
        i = join(points, i, width);
      }
    }
    return points.density(minimum, maximum);
  }

  /** Joins the bins that lie with bin i in one cell, and returns the first that does not. */
  private int join(Points points, int i, float width) {
    double cell = Math.floor(values[i] / width);
    double weight = weights[i];
    double sum = 0;
    double squares = weight * widths[i] * widths[i] / 12;
    int k = i + 1;
    while (k < values.length && values[k] >= values[i] && Math.floor(values[k] / width) == cell) {
      // Relative to the first: squares of large values would cancel.
      double d = (double) values[k] - values[i];
      weight += weights[k];
      sum += weights[k] * d;
      squares += weights[k] * (d * d + (double) widths[k] * widths[k] / 12);
      k++;
    }
    if (k == i + 1) {
      points.add(values[i], weights[i], widths[i]);
      return k;
    }
    double mean = sum / weight;
    points.add((float) (values[i] + mean), (float) weight, width, squares - weight * mean * mean);
    return k;
  }

  private static int parts(float binWidth, float width) {
    return (int) Math.max(1, Math.min(MAX_PARTS, Math.ceil(binWidth / width)));
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
      sum += weights[i] * d * d;
    }
    return sum + within;
  }

  /** Var(x) where the mean is corrected, else E[x²]: the error of having one level only. */
  double spread(boolean meanIsCorrected) {
    return secondMoment(meanIsCorrected ? mean() : 0);
  }

  /** Points in the making. */
  private static final class Points {
    private final float[] values;
    private final float[] weights;
    private final float[] widths;
    private double within;
    private int size;

    Points(int capacity) {
      values = new float[capacity];
      weights = new float[capacity];
      widths = new float[capacity];
    }

    void add(float value, float weight, float width) {
      add(value, weight, width, (double) weight * width * width / 12);
    }

    void add(float value, float weight, float width, double variance) {
      within += variance;
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
          within,
          minimum,
          maximum);
    }
  }
}
