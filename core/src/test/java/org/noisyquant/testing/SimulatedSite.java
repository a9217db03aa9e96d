package org.noisyquant.testing;

import java.util.List;
import org.noisyquant.graph.ActivationSite;
import org.noisyquant.quant.QuantizedWeight;
import org.noisyquant.quant.UniformQuantizer;

/**
 * One site as the method defines it: its layers compute y = (q(x + N) − N)·Wq + b. The arrays are
 * not copied.
 *
 * @param noise N [channels]
 * @param weights Wq of the site's layers, in their order
 * @param biases b [outputs] of the site's layers as the FP32 model has it
 */
public record SimulatedSite(
    ActivationSite site,
    UniformQuantizer quantizer,
    float[] noise,
    List<QuantizedWeight> weights,
    List<float[]> biases) {

  /**
   * q(x + N) − N.
   *
   * @param x [tokens, channels], row-major
   */
  float[] denoised(float[] x) {
    float[] denoised = new float[x.length];
    for (int i = 0; i < x.length; i++) {
      float n = noise[i % noise.length];
      denoised[i] = quantizer.quantize(x[i] + n) - n;
    }
    return denoised;
  }
}
