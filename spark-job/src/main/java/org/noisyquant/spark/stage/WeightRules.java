package org.noisyquant.spark.stage;

import java.io.Serializable;
import org.noisyquant.quant.MomentsCollector;
import org.noisyquant.quant.WeightRounding;
import org.noisyquant.quant.WeightSettings;
import org.noisyquant.spark.stage.SiteWeights.Variant;

/**
 * How the weights and biases of all layers are chosen.
 *
 * @param rounding how weights become codes
 * @param compensation whether weights are first fitted to the quantized input
 * @param biasCorrection whether biases take off the mean error of the output
 * @param damping ridge of both fits, in units of the mean diagonal of the Gram matrix
 * @param tokenFraction share of each image's tokens in the Gram matrices, in (0, 1]
 * @param memory most bytes of Gram matrices that a task holds; more sites take more image passes
 */
public record WeightRules(
    WeightRounding rounding,
    boolean compensation,
    boolean biasCorrection,
    double damping,
    double tokenFraction,
    long memory)
    implements Serializable {

  /**
   * Whether an image pass for second moments is needed.
   *
   * @param predicted whether the search knows the mean and the spread of every channel
   */
  boolean needMoments(boolean predicted) {
    return compensation
        || rounding == WeightRounding.GPTQ
        || (!predicted && (biasCorrection || rounding == WeightRounding.MSE));
  }

  /** The nearest that needs no image pass of its own after a guided search. */
  WeightRules withoutMoments() {
    return new WeightRules(
        rounding == WeightRounding.GPTQ ? WeightRounding.MSE : rounding,
        false,
        biasCorrection,
        damping,
        tokenFraction,
        memory);
  }

  /** What the moments of both variants of a site take in a task. */
  long bytes(SitePlan plan) {
    return Variant.values().length * MomentsCollector.bytes(plan.site().channels(), compensation);
  }

  WeightSettings settings(int bits) {
    return new WeightSettings(bits, rounding, compensation, biasCorrection, damping);
  }
}
