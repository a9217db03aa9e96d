package org.noisyquant.evaluate;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * What evaluation found out.
 *
 * <p>An SQNR is +Infinity where the logits are equal to those of FP32, and an interval end is where
 * they are in so many replicates; the values stay infinite here, read "inf" in {@link #toText} and
 * are left out of {@link #toMetrics}, since JSON has no infinity.
 *
 * @param images number of evaluated images
 * @param labelledImages number of those whose class is known
 * @param replicates bootstrap replicates behind the intervals
 * @param reference name of the FP32 model
 * @param referenceAccuracy its accuracy; absent without labels
 * @param referenceConfidence mean of its largest softmax probability over the labelled images: what
 *     its top-1 would be if it knew how sure to be; absent without labels
 * @param compared the quantized models, in order; the first is the baseline
 * @param differences the other quantized models against the baseline, in order
 */
public record EvaluationResult(
    long images,
    long labelledImages,
    int replicates,
    String reference,
    Optional<Accuracy> referenceAccuracy,
    Optional<Estimate> referenceConfidence,
    List<ModelScore> compared,
    List<PairedDifference> differences) {

  /** Checks that there is a difference for each model but the baseline. */
  public EvaluationResult {
    Objects.requireNonNull(reference);
    Objects.requireNonNull(referenceAccuracy);
    Objects.requireNonNull(referenceConfidence);
    compared = List.copyOf(compared);
    differences = List.copyOf(differences);
    if (images < 1
        || labelledImages > images
        || differences.size() != Math.max(0, compared.size() - 1)) {
      throw new IllegalArgumentException(
          String.format(
              "%d images, %d labelled, %d compared models, %d differences",
              images, labelledImages, compared.size(), differences.size()));
    }
  }

  /** {@link #toMetrics(List)} with the models' names as prefixes. */
  public SortedMap<String, Double> toMetrics() {
    List<String> names = new ArrayList<>();
    names.add(reference);
    compared.forEach(score -> names.add(score.model()));
    return toMetrics(names);
  }

  /**
   * The estimates by flat names, sorted: {@code P.top1 P.top5 P.agreement P.kl P.sqnrDb}, the first
   * two only with labels; of the reference these and {@code P.confidence}, likewise; for each model
   * but the baseline {@code P.kl.gain} and the paired differences {@code P.top1.difference} and so
   * on; each with its interval at {@code .low} and {@code .high}. Fractions, nats, dB. Infinite
   * numbers are left out.
   *
   * @param prefixes distinct, one for each model: reference, then the compared ones in order
   */
  public SortedMap<String, Double> toMetrics(List<String> prefixes) {
    if (prefixes.size() != compared.size() + 1
        || prefixes.stream().distinct().count() != prefixes.size()) {
      throw new IllegalArgumentException(
          "prefixes " + prefixes + " for " + (compared.size() + 1) + " models");
    }
    SortedMap<String, Double> metrics = new TreeMap<>();
    putAccuracy(metrics, prefixes.get(0), "", referenceAccuracy);
    referenceConfidence.ifPresent(value -> put(metrics, prefixes.get(0) + ".confidence", value));
    for (int m = 0; m < compared.size(); m++) {
      String prefix = prefixes.get(m + 1);
      ModelScore score = compared.get(m);
      putAccuracy(metrics, prefix, "", score.accuracy());
      put(metrics, prefix + ".agreement", score.agreement());
      put(metrics, prefix + ".kl", score.kl());
      put(metrics, prefix + ".sqnrDb", score.sqnrDb());
      if (m > 0) {
        PairedDifference difference = differences.get(m - 1);
        putAccuracy(metrics, prefix, ".difference", difference.accuracy());
        put(metrics, prefix + ".agreement.difference", difference.agreement());
        put(metrics, prefix + ".kl.difference", difference.kl());
        put(metrics, prefix + ".sqnrDb.difference", difference.sqnrDb());
        put(metrics, prefix + ".kl.gain", difference.klGain());
      }
    }
    return metrics;
  }

  /**
   * A table for the console, plain ASCII: one row per model and per paired difference (in points,
   * nats, dB), 95 % intervals in brackets; then one line per KL gain. Lines end with a line feed.
   */
  public String toText() {
    return EvaluationText.of(this);
  }

  private static void putAccuracy(
      SortedMap<String, Double> metrics, String prefix, String suffix, Optional<Accuracy> value) {
    value.ifPresent(
        accuracy -> {
          put(metrics, prefix + ".top1" + suffix, accuracy.top1());
          put(metrics, prefix + ".top5" + suffix, accuracy.top5());
        });
  }

  private static void put(SortedMap<String, Double> metrics, String name, Estimate estimate) {
    putFinite(metrics, name, estimate.value());
    putFinite(metrics, name + ".low", estimate.low());
    putFinite(metrics, name + ".high", estimate.high());
  }

  private static void putFinite(SortedMap<String, Double> metrics, String name, double value) {
    if (Double.isFinite(value)) {
      metrics.put(name, value);
    }
  }
}
