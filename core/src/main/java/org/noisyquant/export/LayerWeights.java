package org.noisyquant.export;

import java.util.Objects;
import org.noisyquant.graph.LinearLayer;

/**
 * Quantized weights of one layer: Wq[c, o] = codes[c, o] · scales[o]. The arrays are not copied;
 * they must not change afterwards.
 *
 * @param layer the layer
 * @param bits width of the codes, 2 to 8
 * @param codes [inputs, outputs] row-major, each in −2^(bits−1) … 2^(bits−1)−1
 * @param scales [outputs], positive
 * @param bias [outputs], what the layer adds after the product: b − N·Wq, with any correction
 */
@SuppressWarnings("ArrayRecordComponent") // Megabytes of weights; never compared or printed.
public record LayerWeights(
    LinearLayer layer, int bits, byte[] codes, float[] scales, float[] bias) {

  /**
   * Checks shapes and ranges.
   *
   * @throws IllegalArgumentException naming the layer and the value
   */
  public LayerWeights {
    Objects.requireNonNull(layer);
    if (bits < 2 || bits > 8) {
      throw new IllegalArgumentException("layer " + layer.name() + ": " + bits + " weight bits");
    }
    if (codes.length != layer.inputs() * layer.outputs()
        || scales.length != layer.outputs()
        || bias.length != layer.outputs()) {
      throw new IllegalArgumentException(
          layer
              + " with "
              + codes.length
              + " codes, "
              + scales.length
              + " scales, "
              + bias.length
              + " bias values");
    }
    int low = -(1 << (bits - 1));
    for (int i = 0; i < codes.length; i++) {
      if (codes[i] < low || codes[i] >= -low) {
        throw new IllegalArgumentException(
            "layer " + layer.name() + ": code " + codes[i] + " at " + bits + " bits");
      }
    }
    for (int o = 0; o < scales.length; o++) {
      if (!(scales[o] > 0) || !Float.isFinite(scales[o]) || !Float.isFinite(bias[o])) {
        throw new IllegalArgumentException(
            "layer "
                + layer.name()
                + ", output "
                + o
                + ": scale "
                + scales[o]
                + ", bias "
                + bias[o]);
      }
    }
  }
}
