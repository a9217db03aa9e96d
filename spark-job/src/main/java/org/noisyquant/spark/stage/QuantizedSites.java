package org.noisyquant.spark.stage;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import org.noisyquant.export.LayerWeights;
import org.noisyquant.export.SiteQuantization;
import org.noisyquant.graph.LinearLayer;
import org.noisyquant.onnx.OnnxModel;
import org.noisyquant.quant.QuantizedWeight;
import org.noisyquant.search.Candidate;
import org.noisyquant.search.SiteQuantizer;
import org.noisyquant.search.SiteSolution;

/** From solutions to what the exporter writes: steps, noise, integer weights, changed biases. */
final class QuantizedSites {
  private QuantizedSites() {}

  /**
   * The quantization of every site.
   *
   * @param choice the candidate to export of a solution
   */
  static List<SiteQuantization> of(
      OnnxModel model,
      List<SitePlan> plans,
      List<SiteQuantizer> quantizers,
      List<SiteSolution> solutions,
      Function<SiteSolution, Candidate> choice) {
    List<SiteQuantization> sites = new ArrayList<>();
    for (int i = 0; i < plans.size(); i++) {
      SitePlan plan = plans.get(i);
      SiteQuantizer quantizer = quantizers.get(i);
      Candidate candidate = choice.apply(solutions.get(i));
      float[] noise = quantizer.noise(candidate);
      sites.add(
          new SiteQuantization(
              plan.site(),
              plan.activationBits(),
              quantizer.quantizer(candidate).step(),
              candidate.isNoiseless() ? null : noise,
              layers(model, plan, noise)));
    }
    return sites;
  }

  private static List<LayerWeights> layers(OnnxModel model, SitePlan plan, float[] noise) {
    List<QuantizedWeight> weights = plan.quantizedWeights(model);
    List<LayerWeights> layers = new ArrayList<>();
    for (int l = 0; l < weights.size(); l++) {
      LinearLayer layer = plan.site().layers().get(l);
      QuantizedWeight weight = weights.get(l);
      layers.add(
          new LayerWeights(
              layer,
              weight.bits(),
              weight.codes(),
              weight.scales(),
              weight.denoisedBias(model.bias(layer), noise)));
    }
    return layers;
  }
}
