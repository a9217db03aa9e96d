package org.noisyquant.onnx;

import java.util.List;
import java.util.OptionalInt;

/**
 * The nodes that make up a linear layer, for rewriting them.
 *
 * @param linear index of its MatMul or Gemm in the model's node list
 * @param biasAdd index of the Add that adds its bias; empty for a Gemm and for a layer without bias
 * @param output the tensor that holds x·W + b
 * @param biasShape shape of the bias constant as the model stores it; empty list without a bias
 */
public record LayerNodes(int linear, OptionalInt biasAdd, String output, List<Integer> biasShape) {
  /** Copies the shape. */
  public LayerNodes {
    biasShape = List.copyOf(biasShape);
  }
}
