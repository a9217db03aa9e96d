package org.noisyquant.evaluate;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.noisyquant.error.ErrorCode;
import org.noisyquant.error.NoisyQuantException;

/**
 * Accumulator of evaluated images: empty, update, merge, toBytes, fromBytes.
 *
 * <p>Holds the plain sums and those of each bootstrap replicate, 8·(R + 1)·(8 + 7·M) bytes for R
 * replicates and M compared models, whatever the number of images. Counts are integers and real
 * sums are 128-bit fixed point: multiples of 2^-64 below 2^63, each image's contribution rounded
 * once, exact from 2.4e-4 up, to a relative 2.7e-14 at 1e-6 and 2.7e-8 at 1e-12. The replicates'
 * Poisson(1) weights depend on seed, image name and replicate only. So any partitioning and order
 * of the same images gives the same bytes.
 *
 * <p>Merging with an empty accumulator changes nothing. An image that is added twice counts twice.
 * Not thread-safe; after a SUM_OVERFLOW error its content is undefined.
 */
public final class EvaluationSums {
  /** Bootstrap replicates where nothing else is asked for. */
  public static final int DEFAULT_REPLICATES = 1000;

  private final String reference;
  private final List<String> compared;
  private final int replicates;
  private final long seed;

  final WeightedCounts images;
  final WeightedCounts labelled;
  final WeightedCounts top1;
  final WeightedCounts top5;
  final FixedPointSums confidence;
  final FixedPointSums signal;
  final List<ModelSums> models;

  private final PoissonWeights poisson;
  private final int[] weights;

  private EvaluationSums(String reference, List<String> compared, int replicates, long seed) {
    this.reference = reference;
    this.compared = List.copyOf(compared);
    this.replicates = replicates;
    this.seed = seed;
    // Replicate 0 is the images as they are, with weight 1.
    int sums = replicates + 1;
    images = new WeightedCounts(sums);
    labelled = new WeightedCounts(sums);
    top1 = new WeightedCounts(sums);
    top5 = new WeightedCounts(sums);
    confidence = new FixedPointSums(sums);
    signal = new FixedPointSums(sums);
    models = new ArrayList<>(compared.size());
    for (int m = 0; m < compared.size(); m++) {
      models.add(new ModelSums(sums));
    }
    poisson = new PoissonWeights(seed);
    weights = new int[sums];
  }

  /**
   * No images yet.
   *
   * @param reference name of the FP32 model
   * @param compared names of the quantized models; the first is the baseline of all differences
   * @param replicates bootstrap replicates R, at least 1; see {@link #DEFAULT_REPLICATES}
   * @param seed of the bootstrap weights
   */
  public static EvaluationSums empty(
      String reference, List<String> compared, int replicates, long seed) {
    Set<String> names = new HashSet<>(compared);
    names.add(reference);
    if (replicates < 1
        || replicates > EvaluationFormat.MAX_REPLICATES
        || names.size() != compared.size() + 1
        || names.size() > EvaluationFormat.MAX_MODELS) {
      throw new IllegalArgumentException(
          String.format(
              "replicates %d (1 … %d), models %s and %s (distinct, at most %d)",
              replicates,
              EvaluationFormat.MAX_REPLICATES,
              reference,
              compared,
              EvaluationFormat.MAX_MODELS));
    }
    return new EvaluationSums(reference, compared, replicates, seed);
  }

  /**
   * Adds one image.
   *
   * @param score compares the models of this accumulator, in their order
   * @throws NoisyQuantException SUM_OVERFLOW naming the image
   */
  public void update(ImageScore score) {
    List<String> scored = score.compared().stream().map(LogitComparison::model).toList();
    if (!scored.equals(compared)) {
      throw new IllegalArgumentException(
          "image " + score.image() + " compares models " + scored + ", these sums " + compared);
    }
    poisson.draw(score.image(), weights);
    try {
      images.add(weights);
      if (score.labelled()) {
        labelled.add(weights);
        confidence.add(score.confidence(), weights);
      }
      if (score.top1()) {
        top1.add(weights);
      }
      if (score.top5()) {
        top5.add(weights);
      }
      signal.add(score.signal(), weights);
      for (int m = 0; m < models.size(); m++) {
        models.get(m).add(score.compared().get(m), weights);
      }
    } catch (ArithmeticException e) {
      throw new NoisyQuantException(
          ErrorCode.SUM_OVERFLOW,
          String.format(
              "evaluation of models %s and %s overflows at image %s: %s; its logits are too large"
                  + " to be those of a working classifier",
              reference, compared, score.image(), e.getMessage()),
          e);
    }
  }

  /**
   * Adds the images of another accumulator, which stays as it is.
   *
   * @throws NoisyQuantException STATISTICS_INVALID where models, replicates or seed differ,
   *     SUM_OVERFLOW
   */
  public void merge(EvaluationSums other) {
    if (other == this) {
      throw new IllegalArgumentException("evaluation sums cannot be merged with themselves");
    }
    checkSame("the FP32 model", reference, other.reference);
    checkSame("the compared models", compared, other.compared);
    checkSame("the number of bootstrap replicates", replicates, other.replicates);
    checkSame("the bootstrap seed", seed, other.seed);
    try {
      images.merge(other.images);
      labelled.merge(other.labelled);
      top1.merge(other.top1);
      top5.merge(other.top5);
      confidence.merge(other.confidence);
      signal.merge(other.signal);
      for (int m = 0; m < models.size(); m++) {
        models.get(m).merge(other.models.get(m));
      }
    } catch (ArithmeticException e) {
      throw new NoisyQuantException(
          ErrorCode.SUM_OVERFLOW,
          String.format(
              "merging evaluations of models %s and %s overflows: %s; their logits are too large"
                  + " to be those of a working classifier",
              reference, compared, e.getMessage()),
          e);
    }
  }

  private static void checkSame(String what, Object own, Object others) {
    if (!own.equals(others)) {
      throw new NoisyQuantException(
          ErrorCode.STATISTICS_INVALID,
          String.format(
              "evaluation sums cannot be merged: %s is %s in one and %s in the other; evaluate"
                  + " again with equal settings",
              what, own, others));
    }
  }

  /** Versioned, and equal for equal content. */
  public byte[] toBytes() {
    return EvaluationFormat.write(this);
  }

  /**
   * Reads what {@link #toBytes} wrote.
   *
   * @throws NoisyQuantException STATISTICS_INVALID for bytes that are damaged, truncated, or of
   *     another format or version
   */
  public static EvaluationSums fromBytes(byte[] bytes) {
    return EvaluationFormat.read(bytes);
  }

  /**
   * What these images say about the models.
   *
   * @throws NoisyQuantException NO_IMAGES where there are none
   */
  public EvaluationResult result() {
    return ResultEstimator.estimate(this);
  }

  String reference() {
    return reference;
  }

  List<String> compared() {
    return compared;
  }

  int replicates() {
    return replicates;
  }

  long seed() {
    return seed;
  }

  void writeSums(ByteBuffer target) {
    images.write(target);
    labelled.write(target);
    top1.write(target);
    top5.write(target);
    confidence.write(target);
    signal.write(target);
    models.forEach(model -> model.write(target));
  }

  /** Returns whether what was read can be sums. */
  boolean readSums(ByteBuffer source) {
    return images.read(source)
        && labelled.read(source)
        && top1.read(source)
        && top5.read(source)
        && confidence.read(source)
        && signal.read(source)
        && models.stream().allMatch(model -> model.read(source));
  }

  /** Bytes of what {@link #writeSums} writes. */
  static int sumBytes(int replicates, int comparedModels) {
    return Math.multiplyExact(Long.BYTES * (replicates + 1), 8 + ModelSums.LONGS * comparedModels);
  }
}
