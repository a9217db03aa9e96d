package org.noisyquant.evaluate;

import java.util.Objects;

/**
 * One model's logits z' against the FP32 logits z of the same image.
 *
 * @param model name of the compared model
 * @param top1 whether the label is its largest logit; false without a label
 * @param top5 whether the label is among its five largest logits; false without a label
 * @param agrees whether it and FP32 have the same largest logit, ties going to the lower index
 * @param kl KL(softmax(z) ‖ softmax(z')) in nats
 * @param squaredError Σ (z − z')²
 */
public record LogitComparison(
    String model, boolean top1, boolean top5, boolean agrees, double kl, double squaredError) {

  /** Checks that both measures are finite and not negative. */
  public LogitComparison {
    Objects.requireNonNull(model);
    if (!(kl >= 0 && kl < Double.POSITIVE_INFINITY)
        || !(squaredError >= 0 && squaredError < Double.POSITIVE_INFINITY)
        || (top1 && !top5)) {
      throw new IllegalArgumentException(
          String.format(
              "model %s: kl %s, squared error %s, top-1 %s, top-5 %s",
              model, kl, squaredError, top1, top5));
    }
  }

  static LogitComparison of(Logits reference, Logits compared, int label) {
    return new LogitComparison(
        compared.model(),
        label >= 0 && compared.amongTop(1, label),
        label >= 0 && compared.amongTop(5, label),
        reference.top() == compared.top(),
        reference.klTo(compared),
        reference.squaredError(compared));
  }
}
