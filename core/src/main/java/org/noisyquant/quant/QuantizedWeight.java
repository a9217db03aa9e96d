package org.noisyquant.quant;

import java.io.Serializable;
import java.util.Objects;

/**
 * A weight Wq [inputs, outputs] as integer codes with one scale per output channel: Wq[c, o] =
 * codes[c, o] · scales[o], zero point 0.
 *
 * @param bits 2 to 8; codes lie in −(2^(b−1) − 1) … 2^(b−1) − 1
 * @param inputs C
 * @param outputs O
 * @param codes [inputs, outputs], row-major
 * @param scales [outputs], positive
 */
public record QuantizedWeight(int bits, int inputs, int outputs, byte[] codes, float[] scales)
    implements Serializable {
  /** Checks shapes. */
  public QuantizedWeight {
    Objects.requireNonNull(codes);
    Objects.requireNonNull(scales);
    if (codes.length != inputs * outputs || scales.length != outputs) {
      throw new IllegalArgumentException(
          String.format(
              "weight [%d, %d] with %d codes and %d scales",
              inputs, outputs, codes.length, scales.length));
    }
  }

  /** Wq [inputs, outputs], row-major, in float as ONNX DequantizeLinear computes it. */
  public float[] dequantized() {
    float[] w = new float[codes.length];
    for (int c = 0; c < inputs; c++) {
      for (int o = 0; o < outputs; o++) {
        w[c * outputs + o] = codes[c * outputs + o] * scales[o];
      }
    }
    return w;
  }

  /**
   * The bias that takes the noise off again, b' = b − N·Wq (paper, equation 6), summed in double.
   *
   * @param bias b [outputs]
   * @param noise N [inputs]
   */
  public float[] denoisedBias(float[] bias, float[] noise) {
    if (bias.length != outputs || noise.length != inputs) {
      throw new IllegalArgumentException(
          String.format(
              "weight [%d, %d] with bias [%d] and noise [%d]",
              inputs, outputs, bias.length, noise.length));
    }
    double[] sum = new double[outputs];
    for (int c = 0; c < inputs; c++) {
      for (int o = 0; o < outputs; o++) {
        sum[o] += (double) noise[c] * codes[c * outputs + o];
      }
    }
    float[] denoised = new float[outputs];
    for (int o = 0; o < outputs; o++) {
      denoised[o] = (float) (bias[o] - sum[o] * scales[o]);
    }
    return denoised;
  }
}
