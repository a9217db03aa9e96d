package org.noisyquant.search;

/**
 * First and second moments of the error e = q(x + N) − N − x of one channel, for several pairs of
 * step and offset. Mutable, reused from channel to channel; not thread-safe.
 */
final class ErrorMoments {
  private final int low;
  private final int levels;
  private final float[] steps;
  private final float[] offsets;
  private final double[] means;
  private final double[] squares;
  private final double[] moments = new double[2];
  private int pairs;

  /**
   * Room for pairs.
   *
   * @param bits b of the quantizer, levels −2^(b−1) … 2^(b−1) − 1
   * @param capacity the most pairs of one evaluation
   */
  ErrorMoments(int bits, int capacity) {
    low = -(1 << (bits - 1));
    levels = 1 << bits;
    steps = new float[capacity];
    offsets = new float[capacity];
    means = new double[capacity];
    squares = new double[capacity];
  }

  /** Forgets all pairs. */
  void clear() {
    pairs = 0;
  }

  /** Adds a pair. */
  void add(float step, float offset) {
    steps[pairs] = step;
    offsets[pairs] = offset;
    pairs++;
  }

  /** How many pairs there are. */
  int size() {
    return pairs;
  }

  /** s of a pair. */
  float step(int pair) {
    return steps[pair];
  }

  /** N of a pair. */
  float offset(int pair) {
    return offsets[pair];
  }

  /** E[e] of a pair. */
  float mean(int pair) {
    return (float) means[pair];
  }

  /** E[e²] of a pair. */
  float square(int pair) {
    return (float) squares[pair];
  }

  /** Var(e) of a pair. */
  float variance(int pair) {
    return (float) Math.max(0, squares[pair] - means[pair] * means[pair]);
  }

  /** Computes the moments of all pairs. */
  void evaluate(ChannelDistribution channel) {
    evaluate(channel, Double.POSITIVE_INFINITY);
  }

  /**
   * The same, but of pairs whose step is so small that a channel is smooth within it.
   *
   * @param smooth how many steps of it the channel is longer than
   */
  void evaluate(ChannelDistribution channel, double smooth) {
    for (int j = 0; j < pairs; j++) {
      if (channel.isLongerThan(smooth, steps[j])) {
        channel.smoothErrorMoments(low, levels, steps[j], offsets[j], moments);
      } else {
        channel.errorMoments(low, levels, steps[j], offsets[j], moments);
      }
      means[j] = moments[0];
      squares[j] = moments[1];
    }
  }
}
