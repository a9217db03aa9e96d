package org.noisyquant.evaluate;

import java.nio.ByteBuffer;

/** Accumulator of what is summed for one compared model, for each replicate. */
final class ModelSums {
  /** Longs per replicate that are written. */
  static final int LONGS = 7;

  final WeightedCounts top1;
  final WeightedCounts top5;
  final WeightedCounts agreement;
  final FixedPointSums kl;
  final FixedPointSums squaredError;

  ModelSums(int replicates) {
    top1 = new WeightedCounts(replicates);
    top5 = new WeightedCounts(replicates);
    agreement = new WeightedCounts(replicates);
    kl = new FixedPointSums(replicates);
    squaredError = new FixedPointSums(replicates);
  }

  void add(LogitComparison comparison, int[] weights) {
    if (comparison.top1()) {
      top1.add(weights);
    }
    if (comparison.top5()) {
      top5.add(weights);
    }
    if (comparison.agrees()) {
      agreement.add(weights);
    }
    kl.add(comparison.kl(), weights);
    squaredError.add(comparison.squaredError(), weights);
  }

  void merge(ModelSums other) {
    top1.merge(other.top1);
    top5.merge(other.top5);
    agreement.merge(other.agreement);
    kl.merge(other.kl);
    squaredError.merge(other.squaredError);
  }

  void write(ByteBuffer target) {
    top1.write(target);
    top5.write(target);
    agreement.write(target);
    kl.write(target);
    squaredError.write(target);
  }

  /** Returns whether what was read can be sums. */
  boolean read(ByteBuffer source) {
    return top1.read(source)
        && top5.read(source)
        && agreement.read(source)
        && kl.read(source)
        && squaredError.read(source);
  }
}
