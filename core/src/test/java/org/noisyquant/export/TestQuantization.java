package org.noisyquant.export;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.function.ToIntFunction;
import org.noisyquant.graph.ActivationSite;
import org.noisyquant.graph.LinearLayer;
import org.noisyquant.onnx.ActivationTaps;
import org.noisyquant.onnx.OnnxModel;
import org.noisyquant.onnx.SiteFolds;
import org.noisyquant.testing.OrtRun;

/**
 * A plain quantization of a whole model for tests: the step from the largest activation, noise
 * uniform in ± half a step from a fixed seed, weights by their largest value per output.
 */
final class TestQuantization {
  private final OnnxModel model;
  private final float[] pixels;
  private final long[] shape;
  private final OrtRun float32;

  TestQuantization(OnnxModel model, float[] pixels, long... shape) {
    this.model = model;
    this.pixels = pixels;
    this.shape = shape;
    List<String> tensors = model.graph().sites().stream().map(ActivationSite::tensor).toList();
    this.float32 = OrtRun.plain(ActivationTaps.addTo(model, tensors), pixels, shape);
  }

  /** Some sites at 8 bits with noise, by what they read. */
  static List<SiteQuantization> of(
      OnnxModel model, List<ActivationSite> sites, List<float[]> activations) {
    List<SiteQuantization> quantized = new ArrayList<>();
    for (int i = 0; i < sites.size(); i++) {
      float step = absMax(activations.get(i)) / 127;
      quantized.add(site(model, sites.get(i), 8, step, noise(sites.get(i), step / 2), null));
    }
    return quantized;
  }

  float[] pixels() {
    return pixels;
  }

  long[] shape() {
    return shape;
  }

  float[] logits() {
    return float32.floats(model.graph().output());
  }

  List<SiteQuantization> all(ToIntFunction<ActivationSite> bits, boolean noisy) {
    List<SiteQuantization> sites = new ArrayList<>();
    for (ActivationSite site : model.graph().sites()) {
      int b = bits.applyAsInt(site);
      float step = absMax(float32.floats(site.tensor())) / ((1 << (b - 1)) - 1);
      sites.add(site(site, b, step, noisy ? noise(site, step / 2) : null));
    }
    return sites;
  }

  SiteQuantization site(ActivationSite site, int bits, float step, float[] noise) {
    return site(site, bits, step, noise, null);
  }

  SiteQuantization site(ActivationSite site, int bits, float step, float[] noise, float[] rescale) {
    return site(model, site, bits, step, noise, rescale);
  }

  private static SiteQuantization site(
      OnnxModel model, ActivationSite site, int bits, float step, float[] noise, float[] rescale) {
    List<LayerWeights> weights = new ArrayList<>();
    for (LinearLayer layer : site.layers()) {
      weights.add(weights(model, layer, bits, noise, rescale));
    }
    return new SiteQuantization(site, bits, step, noise, rescale, weights);
  }

  /** Every site with noise, and with a rescale between ½ and 2 where it folds. */
  List<SiteQuantization> rescaled(int bits, SiteFolds folds) {
    List<SiteQuantization> sites = new ArrayList<>();
    for (ActivationSite site : model.graph().sites()) {
      float absMax = absMax(float32.floats(site.tensor()));
      float step = absMax / ((1 << (bits - 1)) - 1);
      float[] noise = noise(site, step / 2);
      float[] rescale = folds.fold(site).folds() ? rescale(site, 1) : null;
      sites.add(site(site, bits, step, noise, rescale));
    }
    return sites;
  }

  /** Powers of two of exponents uniform in ± this, from a fixed seed. */
  static float[] rescale(ActivationSite site, double exponent) {
    Random random = new Random(1000 + site.index());
    float[] rescale = new float[site.channels()];
    for (int c = 0; c < rescale.length; c++) {
      rescale[c] = (float) Math.pow(2, exponent * (2 * random.nextDouble() - 1));
    }
    return rescale;
  }

  /** At every site that folds, noise of so many steps of these bits, and a rescale. */
  Map<ActivationSite, ChannelRescale> changes(
      SiteFolds folds, int bits, int steps, double exponent) {
    Map<ActivationSite, ChannelRescale> changes = new HashMap<>();
    for (ActivationSite site : model.graph().sites()) {
      if (folds.fold(site).folds()) {
        float step = absMax(activation(site)) / ((1 << (bits - 1)) - 1);
        changes.put(site, new ChannelRescale(noise(site, steps * step), rescale(site, exponent)));
      }
    }
    return changes;
  }

  /** The largest difference as a share of the range of what is expected. */
  static double error(float[] actual, float[] expected) {
    double difference = 0;
    double low = Double.POSITIVE_INFINITY;
    double high = Double.NEGATIVE_INFINITY;
    for (int i = 0; i < expected.length; i++) {
      difference = Math.max(difference, Math.abs((double) actual[i] - expected[i]));
      low = Math.min(low, expected[i]);
      high = Math.max(high, expected[i]);
    }
    return difference / (high - low);
  }

  /** The FP32 model's activation at a site. */
  float[] activation(ActivationSite site) {
    return float32.floats(site.tensor());
  }

  static float[] noise(ActivationSite site, float width) {
    Random random = new Random(site.index());
    float[] noise = new float[site.channels()];
    for (int c = 0; c < noise.length; c++) {
      noise[c] = width * (2 * random.nextFloat() - 1);
    }
    return noise;
  }

  private static LayerWeights weights(
      OnnxModel model, LinearLayer layer, int bits, float[] noise, float[] rescale) {
    int outputs = layer.outputs();
    float[] w = model.weight(layer);
    for (int i = 0; rescale != null && i < w.length; i++) {
      w[i] *= rescale[i / outputs];
    }
    float[] scales = new float[outputs];
    byte[] codes = new byte[w.length];
    for (int i = 0; i < w.length; i++) {
      scales[i % outputs] = Math.max(scales[i % outputs], Math.abs(w[i]));
    }
    for (int o = 0; o < outputs; o++) {
      scales[o] /= (1 << (bits - 1)) - 1;
    }
    float[] bias = model.bias(layer);
    double[] exact = new double[outputs];
    for (int i = 0; i < w.length; i++) {
      int o = i % outputs;
      codes[i] = (byte) Math.rint(w[i] / scales[o]);
      if (noise != null) {
        double n = rescale == null ? noise[i / outputs] : noise[i / outputs] / rescale[i / outputs];
        exact[o] += n * codes[i] * scales[o];
      }
    }
    for (int o = 0; o < outputs; o++) {
      bias[o] -= (float) exact[o];
    }
    return new LayerWeights(layer, bits, codes, scales, bias);
  }

  static float absMax(float[] values) {
    float max = 0;
    for (float value : values) {
      max = Math.max(max, Math.abs(value));
    }
    return max;
  }
}
