package org.noisyquant.evaluate;

import java.util.Objects;
import java.util.Optional;

/**
 * A quantized model against FP32.
 *
 * @param model its name
 * @param accuracy absent without labels
 * @param agreement fraction of images with the same largest logit
 * @param kl mean KL(FP32 ‖ quantized) in nats
 * @param sqnrDb 10·log10(Σ z² / Σ (z − z')²) over all logits of all images; +Infinity where they
 *     are equal
 */
public record ModelScore(
    String model, Optional<Accuracy> accuracy, Estimate agreement, Estimate kl, Estimate sqnrDb) {
  /** Checks that nothing is null. */
  public ModelScore {
    Objects.requireNonNull(model);
    Objects.requireNonNull(accuracy);
    Objects.requireNonNull(agreement);
    Objects.requireNonNull(kl);
    Objects.requireNonNull(sqnrDb);
  }
}
