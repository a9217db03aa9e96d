package org.noisyquant.evaluate;

import java.util.Objects;
import java.util.Optional;

/**
 * A quantized model minus the baseline, in the same replicates of the same images: what both share
 * from image to image cancels, so that these intervals are narrower than those of the two scores.
 *
 * @param model its name
 * @param baseline the name of the first compared model
 * @param accuracy difference of fractions; absent without labels
 * @param agreement difference of fractions
 * @param kl difference in nats; negative is better
 * @param sqnrDb difference in dB; 0 where both are infinite
 * @param klGain 1 − kl / baseline's kl; 0 where both are zero, −Infinity where only the baseline's
 *     is
 */
public record PairedDifference(
    String model,
    String baseline,
    Optional<Accuracy> accuracy,
    Estimate agreement,
    Estimate kl,
    Estimate sqnrDb,
    Estimate klGain) {
  /** Checks that nothing is null. */
  public PairedDifference {
    Objects.requireNonNull(model);
    Objects.requireNonNull(baseline);
    Objects.requireNonNull(accuracy);
    Objects.requireNonNull(agreement);
    Objects.requireNonNull(kl);
    Objects.requireNonNull(sqnrDb);
    Objects.requireNonNull(klGain);
  }
}
