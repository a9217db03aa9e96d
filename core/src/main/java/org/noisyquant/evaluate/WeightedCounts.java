package org.noisyquant.evaluate;

import java.nio.ByteBuffer;

/** Accumulator of Σ weight over the images that have some property, for each replicate. */
final class WeightedCounts {
  private final long[] counts;

  WeightedCounts(int replicates) {
    counts = new long[replicates];
  }

  /** Counts one image. Weights are at most {@link PoissonWeights#MAX}: no long is outgrown. */
  void add(int[] weights) {
    for (int r = 0; r < counts.length; r++) {
      counts[r] += weights[r];
    }
  }

  void merge(WeightedCounts other) {
    for (int r = 0; r < counts.length; r++) {
      counts[r] = Math.addExact(counts[r], other.counts[r]);
    }
  }

  long get(int replicate) {
    return counts[replicate];
  }

  void write(ByteBuffer target) {
    for (long count : counts) {
      target.putLong(count);
    }
  }

  /** Returns whether what was read can be counts. */
  boolean read(ByteBuffer source) {
    boolean valid = true;
    for (int r = 0; r < counts.length; r++) {
      counts[r] = source.getLong();
      valid &= counts[r] >= 0;
    }
    return valid;
  }
}
