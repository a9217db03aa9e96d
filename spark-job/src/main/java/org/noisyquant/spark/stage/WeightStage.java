package org.noisyquant.spark.stage;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.List;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.api.java.function.Function;
import org.noisyquant.graph.LinearLayer;
import org.noisyquant.onnx.OnnxModel;
import org.noisyquant.quant.LinearQuantizer;
import org.noisyquant.quant.NoisyQuantizer;
import org.noisyquant.quant.QuantizedLinear;
import org.noisyquant.search.SiteDecision;
import org.noisyquant.spark.stage.SiteWeights.SiteKey;
import org.noisyquant.spark.stage.SiteWeights.Variant;
import org.noisyquant.stats.InputMoments;

/**
 * Quantizes the layers of all sites on the executors, once their activation quantizers are decided.
 *
 * @param fp32 the model with the weights
 * @param sites what is quantized
 * @param rules how
 */
record WeightStage(ShippedModel fp32, List<SitePlan> sites, WeightRules rules)
    implements Serializable {

  /** Whether an image pass for second moments is needed. */
  boolean needMoments(List<SiteDecision> decisions) {
    return rules.needMoments(decisions.stream().allMatch(d -> d.means() != null));
  }

  /** The layers of some variants, from what the search knows about the inputs. */
  List<SiteWeights> withoutMoments(
      JavaSparkContext spark, List<SiteDecision> decisions, List<Variant> variants) {
    List<Integer> keys = new ArrayList<>();
    for (int position = 0; position < sites.size(); position++) {
      for (Variant variant : variants) {
        keys.add(new SiteKey(position, variant).number());
      }
    }
    List<SiteDecision> shipped = new ArrayList<>(decisions);
    return spark
        .parallelize(keys, keys.size())
        .map(
            (Function<Integer, SiteWeights>)
                number -> {
                  SiteKey key = SiteKey.of(number);
                  return quantize(key.position(), key.variant(), shipped.get(key.position()));
                })
        .collect();
  }

  private SiteWeights quantize(int position, Variant variant, SiteDecision decision) {
    SitePlan plan = sites.get(position);
    NoisyQuantizer quantizer = variant.of(decision).quantizer();
    double[] quantizedMeans = null;
    if (decision.means() != null) {
      quantizedMeans = decision.means().clone();
      for (int c = 0; c < quantizedMeans.length; c++) {
        quantizedMeans[c] += (double) quantizer.removed()[c] - quantizer.noise()[c];
      }
    }
    return layers(
        position,
        variant,
        LinearQuantizer.withoutMoments(
            rules.settings(plan.weightBits()),
            plan.site().channels(),
            decision.spreads(),
            decision.means(),
            quantizedMeans,
            decision.rescale(),
            scaledNoise(quantizer, decision)));
  }

  /** The layers of one variant of a site, from the moments of its inputs. */
  SiteWeights quantize(int position, Variant variant, SiteDecision decision, InputMoments moments) {
    NoisyQuantizer quantizer = variant.of(decision).quantizer();
    return layers(
        position,
        variant,
        LinearQuantizer.of(
            rules.settings(sites.get(position).weightBits()),
            moments,
            decision.rescale(),
            scaledNoise(quantizer, decision)));
  }

  private SiteWeights layers(int position, Variant variant, LinearQuantizer quantizer) {
    OnnxModel model = ExecutorModel.of(fp32);
    List<QuantizedLinear> layers = new ArrayList<>();
    for (LinearLayer layer : sites.get(position).site().layers()) {
      layers.add(quantizer.quantize(model.weight(layer), model.bias(layer), layer.outputs()));
    }
    return new SiteWeights(position, variant, layers);
  }

  /** N/c, what is added to x/c. */
  private static float[] scaledNoise(NoisyQuantizer quantizer, SiteDecision decision) {
    float[] noise = quantizer.noise().clone();
    for (int c = 0; c < noise.length && decision.rescale() != null; c++) {
      noise[c] /= decision.rescale()[c];
    }
    return noise;
  }
}
