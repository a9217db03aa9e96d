package org.noisyquant.spark.stage;

import java.io.Serializable;
import org.noisyquant.onnx.OnnxModel;
import org.noisyquant.search.Objective;
import org.noisyquant.search.OutputWeights;

/**
 * What an error at a site is multiplied with before it is squared.
 *
 * @param objective where the error is measured
 * @param quantized whether at the outputs of the min-max quantized layers, as in the paper; else of
 *     the FP32 layers, whose codes are not known before the search
 */
record LossWeights(Objective objective, boolean quantized) implements Serializable {
  /** The weights of one site: the same on the driver and on every executor. */
  OutputWeights of(SitePlan plan, OnnxModel model) {
    if (objective == Objective.INPUT) {
      return OutputWeights.identity(plan.site().channels());
    }
    return quantized
        ? OutputWeights.ofQuantized(plan.quantizedWeights(model))
        : OutputWeights.joined(
            plan.site().channels(), plan.site().layers().stream().map(model::weight).toList());
  }

  /** An upper bound of ‖e·W‖² for ‖e‖ = 1, from above also in float. */
  double frobenius(SitePlan plan, OnnxModel model) {
    return objective == Objective.INPUT ? 1 : of(plan, model).squaredNorm();
  }
}
