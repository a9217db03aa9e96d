package org.noisyquant.spark.stage;

import java.util.ArrayList;
import java.util.List;
import org.noisyquant.export.LayerWeights;
import org.noisyquant.export.SiteQuantization;
import org.noisyquant.graph.LinearLayer;
import org.noisyquant.onnx.OnnxModel;
import org.noisyquant.quant.QuantizedLinear;
import org.noisyquant.quant.QuantizedWeight;
import org.noisyquant.search.SiteChoice;
import org.noisyquant.search.SiteDecision;
import org.noisyquant.spark.stage.SiteWeights.Variant;

/** From decisions to what the exporter writes: steps, noise, rescale, integer weights, biases. */
final class QuantizedSites {
  private QuantizedSites() {}

  /**
   * The quantization of every site in one variant.
   *
   * @param model the FP32 model
   * @param weights of all sites and variants, in any order
   */
  static List<SiteQuantization> of(
      OnnxModel model,
      List<SitePlan> plans,
      List<SiteDecision> decisions,
      List<SiteWeights> weights,
      Variant variant) {
    List<SiteQuantization> sites = new ArrayList<>();
    for (int i = 0; i < plans.size(); i++) {
      int position = i;
      SitePlan plan = plans.get(i);
      SiteChoice choice = variant.of(decisions.get(i));
      SiteWeights own =
          weights.stream()
              .filter(w -> w.position() == position && w.variant() == variant)
              .findFirst()
              .orElseThrow();
      sites.add(
          new SiteQuantization(
              plan.siteOf(model),
              plan.activationBits(),
              choice.step(),
              choice.quantizer().isNoiseless() ? null : choice.quantizer().noise(),
              decisions.get(i).rescale(),
              layers(plan, own)));
    }
    return sites;
  }

  private static List<LayerWeights> layers(SitePlan plan, SiteWeights weights) {
    List<LayerWeights> layers = new ArrayList<>();
    for (int l = 0; l < weights.layers().size(); l++) {
      LinearLayer layer = plan.site().layers().get(l);
      QuantizedLinear quantized = weights.layers().get(l);
      QuantizedWeight weight = quantized.weight();
      layers.add(
          new LayerWeights(
              layer, weight.bits(), weight.codes(), weight.scales(), quantized.bias()));
    }
    return layers;
  }
}
