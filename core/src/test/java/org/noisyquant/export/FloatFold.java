package org.noisyquant.export;

import java.util.HashMap;
import java.util.Map;
import org.noisyquant.graph.ActivationSite;
import org.noisyquant.graph.LinearLayer;
import org.noisyquant.onnx.OnnxModel;
import org.noisyquant.onnx.SiteFolds;

/**
 * A fold without quantization: the network makes (x + N) / c, and its layers take it back with rows
 * W·c and bias b − N·W. The function is the same, so the logits are.
 */
final class FloatFold {
  private FloatFold() {}

  /** The model with these changes of its sites, which must fold, as an ONNX file. */
  static byte[] apply(
      OnnxModel model, SiteFolds folds, Map<ActivationSite, ChannelRescale> changes) {
    GraphEdit graph = new GraphEdit(model.proto().getGraph());
    NoiseFolding folding = new NoiseFolding(graph, folds);
    Map<LinearLayer, float[]> weights = new HashMap<>();
    Map<LinearLayer, float[]> biases = new HashMap<>();
    for (ActivationSite site : model.graph().sites()) {
      ChannelRescale change = changes.get(site);
      if (change != null) {
        folding.fold(site, change);
        for (LinearLayer layer : site.layers()) {
          float[] w = model.weight(layer);
          biases.put(layer, denoised(model.bias(layer), change.noise(), w));
          weights.put(layer, rescaled(w, change.divisor(), layer.outputs()));
        }
      }
    }
    folding
        .outputs()
        .forEach(
            (layer, change) -> {
              weights.compute(layer, (l, w) -> change.scaled(w == null ? model.weight(l) : w));
              biases.compute(layer, (l, b) -> change.shifted(b == null ? model.bias(l) : b));
            });
    weights.forEach((layer, w) -> FloatLayer.replace(graph, model, layer, w, biases.get(layer)));
    return model.proto().toBuilder().setGraph(graph.build()).build().toByteArray();
  }

  private static float[] denoised(float[] bias, float[] noise, float[] w) {
    double[] sum = new double[bias.length];
    for (int i = 0; i < w.length; i++) {
      sum[i % bias.length] += (double) noise[i / bias.length] * w[i];
    }
    float[] denoised = new float[bias.length];
    for (int o = 0; o < bias.length; o++) {
      denoised[o] = (float) (bias[o] - sum[o]);
    }
    return denoised;
  }

  private static float[] rescaled(float[] w, float[] rescale, int outputs) {
    float[] rows = w.clone();
    for (int i = 0; i < w.length; i++) {
      rows[i] *= rescale[i / outputs];
    }
    return rows;
  }
}
