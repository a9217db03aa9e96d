package org.noisyquant.quant;

/**
 * Per-output-channel symmetric min-max weight quantization, the paper's: s_o = max|w_o| / (2^(b−1)
 * − 1), code = rint(w / s_o) half to even. A channel of zeros gets scale 1.
 */
public final class WeightQuantizer {
  private WeightQuantizer() {}

  /**
   * Quantizes W.
   *
   * @param weight W [inputs, outputs], row-major, finite
   * @param bits 2 to 8
   */
  public static QuantizedWeight minMax(float[] weight, int inputs, int outputs, int bits) {
    if (bits < 2 || bits > 8) {
      throw new IllegalArgumentException("bits must be 2 to 8: " + bits);
    }
    int max = UniformQuantizer.maxLevel(bits);
    float[] scales = new float[outputs];
    for (int c = 0; c < inputs; c++) {
      for (int o = 0; o < outputs; o++) {
        scales[o] = Math.max(scales[o], Math.abs(weight[c * outputs + o]));
      }
    }
    for (int o = 0; o < outputs; o++) {
      // A subnormal maximum would round to scale 0.
      float scale = scales[o] / max;
      scales[o] = scale > 0f ? scale : 1f;
    }
    byte[] codes = new byte[inputs * outputs];
    for (int c = 0; c < inputs; c++) {
      for (int o = 0; o < outputs; o++) {
        int i = c * outputs + o;
        codes[i] = (byte) Math.max(-max, Math.min(max, Math.rint(weight[i] / scales[o])));
      }
    }
    return new QuantizedWeight(bits, inputs, outputs, codes, scales);
  }
}
