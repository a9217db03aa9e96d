package org.noisyquant.spark.stage;

import java.io.Serializable;
import java.util.List;
import org.noisyquant.graph.ActivationSite;
import org.noisyquant.graph.LinearLayer;
import org.noisyquant.onnx.OnnxModel;
import org.noisyquant.quant.QuantizedWeight;
import org.noisyquant.quant.WeightQuantizer;

/**
 * One site that is to be quantized.
 *
 * @param site what it is
 * @param weightBits of its layers' weights
 * @param activationBits of its activation
 */
public record SitePlan(ActivationSite site, int weightBits, int activationBits)
    implements Serializable {

  /** The site as the model has it: prefix tokens can be given where they were not traced. */
  ActivationSite siteOf(OnnxModel model) {
    return model.graph().sites().get(site.index());
  }

  /** Wq of the site's layers, in their order: the same on the driver and on every executor. */
  List<QuantizedWeight> quantizedWeights(OnnxModel model) {
    return site.layers().stream().map(layer -> quantized(model, layer)).toList();
  }

  private QuantizedWeight quantized(OnnxModel model, LinearLayer layer) {
    return WeightQuantizer.minMax(model.weight(layer), layer.inputs(), layer.outputs(), weightBits);
  }

  /** Topological indices. */
  static List<Integer> indices(List<SitePlan> plans) {
    return plans.stream().map(plan -> plan.site().index()).toList();
  }

  static List<String> tensors(List<SitePlan> plans) {
    return plans.stream().map(plan -> plan.site().tensor()).toList();
  }
}
