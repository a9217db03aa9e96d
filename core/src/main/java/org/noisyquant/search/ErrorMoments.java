package org.noisyquant.search;

import java.util.Arrays;

/**
 * First and second moments of the error e = q(x + n) − n − x of one channel, for many pairs of step
 * and offset at once: Σ p·e and Σ p·e² over the points of a density.
 *
 * <p>The pairs lie side by side in the inner loop, which HotSpot vectorizes; a point of the density
 * is one turn of the outer loop. Rounding is half to even of (x + n)·(1/s): a value within a float
 * rounding of a threshold may fall on its other side, which no density can tell anyway.
 *
 * <p>Mutable, reused from channel to channel; not thread-safe.
 */
final class ErrorMoments {
  private static final float ROUND = 0x1.8p23f;

  private final float low;
  private final float high;
  private final float[] steps;
  private final float[] inverses;
  private final float[] offsets;
  private final float[] shifts;
  private final float[] first;
  private final float[] second;
  private int pairs;

  /**
   * Room for pairs.
   *
   * @param bits b of the quantizer, levels −2^(b−1) … 2^(b−1) − 1
   * @param capacity the most pairs of one evaluation
   */
  ErrorMoments(int bits, int capacity) {
    low = -(1 << (bits - 1));
    high = -low - 1;
    steps = new float[capacity];
    inverses = new float[capacity];
    offsets = new float[capacity];
    shifts = new float[capacity];
    first = new float[capacity];
    second = new float[capacity];
  }

  /** Forgets all pairs. */
  void clear() {
    pairs = 0;
  }

  /** Adds a pair. */
  void add(float step, float offset) {
    steps[pairs] = step;
    inverses[pairs] = 1f / step;
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

  /** n of a pair. */
  float offset(int pair) {
    return offsets[pair];
  }

  /** E[e] of a pair. */
  float mean(int pair) {
    return first[pair];
  }

  /** E[e²] of a pair. */
  float square(int pair) {
    return second[pair];
  }

  /** Var(e) of a pair. */
  float variance(int pair) {
    return Math.max(0f, second[pair] - first[pair] * first[pair]);
  }

  /** Computes the moments of all pairs, as finely as the smallest step asks for. */
  void evaluate(ChannelCells channel) {
    Arrays.fill(first, 0, pairs, 0f);
    Arrays.fill(second, 0, pairs, 0f);
    if (pairs == 0) {
      return;
    }
    float smallest = steps[0];
    for (int j = 1; j < pairs; j++) {
      smallest = Math.min(smallest, steps[j]);
    }
    ChannelDensity cells = channel.of(smallest);
    float from = Float.NEGATIVE_INFINITY;
    float to = Float.POSITIVE_INFINITY;
    for (int j = 0; j < pairs; j++) {
      shifts[j] = offsets[j] * inverses[j];
      from = Math.max(from, low * steps[j] - offsets[j]);
      to = Math.min(to, high * steps[j] - offsets[j]);
    }
    for (int i = 0; i < cells.values().length; i++) {
      float value = cells.values()[i];
      float weight = cells.weights()[i];
      if (value >= from && value <= to) {
        accumulateInside(value, weight, pairs, inverses, shifts, first, second);
      } else {
        accumulate(value, weight, low, high, pairs, inverses, shifts, first, second);
      }
    }
    float within = (float) cells.within();
    for (int j = 0; j < pairs; j++) {
      first[j] *= steps[j];
      second[j] = second[j] * steps[j] * steps[j] + within;
    }
  }

  /** Adds one point of the density, with errors in steps. */
  private static void accumulate(
      float value,
      float weight,
      float low,
      float high,
      int count,
      float[] inverses,
      float[] shifts,
      float[] first,
      float[] second) {
    float bounds = low + high;
    for (int j = 0; j < count; j++) {
      float t = value * inverses[j] + shifts[j];
      float r = (t + ROUND) - ROUND;
      float q = 0.5f * ((Math.abs(r - low) - Math.abs(r - high)) + bounds);
      float e = q - t;
      float weighted = weight * e;
      first[j] += weighted;
      second[j] += weighted * e;
    }
  }

  /** The same for a point that no pair clips. */
  private static void accumulateInside(
      float value,
      float weight,
      int count,
      float[] inverses,
      float[] shifts,
      float[] first,
      float[] second) {
    for (int j = 0; j < count; j++) {
      float t = value * inverses[j] + shifts[j];
      float r = (t + ROUND) - ROUND;
      float e = r - t;
      float weighted = weight * e;
      first[j] += weighted;
      second[j] += weighted * e;
    }
  }
}
