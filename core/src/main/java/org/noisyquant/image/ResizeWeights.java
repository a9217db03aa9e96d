package org.noisyquant.image;

/**
 * Weights of one axis: output i is Σ_k weight(i, k)·input(first(i) + k), k &lt; count(i). Weights
 * of an output sum to one before they are rounded to fixed point of {@value #PRECISION_BITS}
 * fraction bits. Where the axis shrinks, the filter is widened by the ratio (antialiasing).
 */
final class ResizeWeights {
  /** 8 bits of pixel and 2 of overshoot leave 22 of 32 for the fraction. */
  static final int PRECISION_BITS = 32 - 8 - 2;

  private final int[] first;
  private final int[] count;
  private final int[] weights;
  private final int stride;

  /** For outputs from..to−1 of an axis that goes from {@code input} to {@code output} pixels. */
  ResizeWeights(int input, int output, int from, int to, Interpolation filter) {
    double scale = (double) input / output;
    double widening = Math.max(scale, 1);
    double support = filter.support() * widening;
    stride = (int) Math.ceil(support) * 2 + 1;
    first = new int[to - from];
    count = new int[to - from];
    weights = new int[(to - from) * stride];
    double[] exact = new double[stride];
    for (int i = 0; i < to - from; i++) {
      double centre = (from + i + 0.5) * scale;
      int start = Math.max(0, (int) (centre - support + 0.5));
      int end = Math.min(input, (int) (centre + support + 0.5));
      double sum = 0;
      for (int k = 0; k < end - start; k++) {
        // Times the reciprocal, not divided: the last bit decides some roundings.
        exact[k] = filter.weight((k + start - centre + 0.5) * (1 / widening));
        sum += exact[k];
      }
      first[i] = start;
      count[i] = end - start;
      for (int k = 0; k < end - start; k++) {
        weights[i * stride + k] = fixedPoint(sum == 0 ? exact[k] : exact[k] / sum);
      }
    }
  }

  /** Half away from zero. */
  private static int fixedPoint(double weight) {
    double scaled = weight * (1 << PRECISION_BITS);
    return (int) (scaled < 0 ? scaled - 0.5 : scaled + 0.5);
  }

  int first(int i) {
    return first[i];
  }

  int count(int i) {
    return count[i];
  }

  /** Position of output i's first weight in {@link #weights()}. */
  int offset(int i) {
    return i * stride;
  }

  int[] weights() {
    return weights;
  }
}
