package org.noisyquant.graph;

import java.io.Serializable;
import java.util.Objects;

/**
 * A linear layer y = x·W + b with constant W [inputs, outputs] and constant b [outputs]. The values
 * of W and b stay in the model; see {@code OnnxModel#weight} and {@code OnnxModel#bias}.
 *
 * @param name dotted name, such as {@code blocks.0.attn.qkv}
 * @param node index of its MatMul or Gemm node in the model's node list
 * @param inputs input channels C
 * @param outputs output channels O
 * @param hasBias whether the model adds a constant bias
 */
public record LinearLayer(String name, int node, int inputs, int outputs, boolean hasBias)
    implements Serializable {
  /** Checks the shape. */
  public LinearLayer {
    Objects.requireNonNull(name);
    if (node < 0 || inputs < 1 || outputs < 1) {
      throw new IllegalArgumentException(
          "layer " + name + ": node " + node + ", shape [" + inputs + ", " + outputs + "]");
    }
  }
}
