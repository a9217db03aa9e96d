package org.noisyquant.export;

import ai.onnx.proto.OnnxMl.NodeProto;
import java.util.ArrayList;
import java.util.List;
import org.noisyquant.graph.LinearLayer;
import org.noisyquant.onnx.LayerNodes;
import org.noisyquant.onnx.OnnxModel;

/** Gives a linear layer that stays in floating point other weights and another bias. */
final class FloatLayer {
  private FloatLayer() {}

  /**
   * Replaces the constants of a layer of the original graph.
   *
   * @param weight [inputs, outputs], or null to keep the model's
   * @param bias [outputs]; an Add is put in where the layer is a MatMul without bias
   */
  static void replace(
      GraphEdit graph, OnnxModel model, LinearLayer layer, float[] weight, float[] bias) {
    String name = QuantizedModelWriter.PREFIX + layer.name();
    LayerNodes nodes = model.nodes(layer);
    NodeProto.Builder linear = graph.node(nodes.linear()).toBuilder();
    if (weight != null) {
      linear.setInput(
          1, floats(graph, name + ".weight", List.of(layer.inputs(), layer.outputs()), weight));
      // Of a Gemm only transB can be there, and these weights are not transposed.
      linear.clearAttribute();
    }
    boolean inside = linear.getOpType().equals("Gemm");
    List<Integer> shape =
        inside || nodes.biasShape().isEmpty() ? List.of(layer.outputs()) : nodes.biasShape();
    String newBias = floats(graph, name + ".bias", shape, bias);
    List<NodeProto> replacement = new ArrayList<>();
    if (inside) {
      if (linear.getInputCount() > 2) {
        linear.setInput(2, newBias);
      } else {
        linear.addInput(newBias);
      }
      replacement.add(linear.build());
    } else if (nodes.biasAdd().isPresent()) {
      replacement.add(linear.build());
      NodeProto add = graph.node(nodes.biasAdd().getAsInt());
      int side = add.getInput(0).equals(linear.getOutput(0)) ? 1 : 0;
      graph.replace(
          nodes.biasAdd().getAsInt(), List.of(add.toBuilder().setInput(side, newBias).build()));
    } else {
      String output = linear.getOutput(0);
      String product = graph.fresh(name + ".product");
      replacement.add(linear.setOutput(0, product).build());
      replacement.add(
          OnnxParts.node(
              graph.fresh(name + ".bias_Add"), "Add", List.of(product, newBias), output));
    }
    graph.replace(nodes.linear(), replacement);
  }

  private static String floats(GraphEdit graph, String name, List<Integer> shape, float[] values) {
    return graph.initializer(OnnxParts.floats(graph.fresh(name), shape, values));
  }
}
