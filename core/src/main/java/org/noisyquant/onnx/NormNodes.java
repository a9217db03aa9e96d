package org.noisyquant.onnx;

import ai.onnx.proto.OnnxMl.NodeProto;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * The end of a LayerNorm: x = u·γ + β with constant rows γ and β.
 *
 * @param name dotted name of the norm
 * @param scaleNode index of the node that multiplies by γ
 * @param shiftNode index of the node that adds β
 * @param scale γ
 * @param shift β, zeros where the norm has none
 */
record NormNodes(String name, int scaleNode, int shiftNode, ConstantRow scale, ConstantRow shift) {

  /** Channels of the norm. */
  int channels() {
    return scale.values().length;
  }

  /**
   * The norm that makes this tensor, named by {@code names}: a LayerNormalization over the last
   * axis, or the Mul and Add that a decomposed one ends in; what is before the Mul does not matter,
   * x is linear in γ and β.
   */
  static Optional<NormNodes> behind(GraphIndex graph, LayerNames names, String tensor) {
    int index = graph.producerIndex(tensor);
    if (index < 0) {
      return Optional.empty();
    }
    NodeProto node = graph.node(index);
    return switch (node.getOpType()) {
      case "LayerNormalization" ->
          node.getOutput(0).equals(tensor) ? operator(graph, names, index, node) : Optional.empty();
      case "Add" -> decomposed(graph, names, index, node);
      default -> Optional.empty();
    };
  }

  private static Optional<NormNodes> operator(
      GraphIndex graph, LayerNames names, int index, NodeProto node) {
    Constant scale = graph.constant(node.getInput(1)).orElse(null);
    // γ has the shape of the normalized axes: one axis means the last one.
    if (scale == null || scale.rank() != 1) {
      return Optional.empty();
    }
    boolean hasShift = node.getInputCount() > 2 && !node.getInput(2).isEmpty();
    if (!hasShift) {
      ConstantRow zeros =
          new ConstantRow(2, List.of(scale.elements()), new float[scale.elements()]);
      return Optional.of(
          new NormNodes(name(names, node, scale, null), index, index, row(1, scale), zeros));
    }
    return graph
        .constant(node.getInput(2))
        .filter(shift -> shift.isRow(scale.elements()))
        .map(
            shift ->
                new NormNodes(
                    name(names, node, scale, shift), index, index, row(1, scale), row(2, shift)));
  }

  private static Optional<NormNodes> decomposed(
      GraphIndex graph, LayerNames names, int index, NodeProto add) {
    for (int side = 0; side < 2; side++) {
      String product = add.getInput(side);
      int mulIndex = graph.producerIndex(product);
      Constant shift = graph.constant(add.getInput(1 - side)).orElse(null);
      if (shift == null
          || mulIndex < 0
          || !graph.node(mulIndex).getOpType().equals("Mul")
          || graph.consumers(product).size() != 1
          || graph.isOutput(product)) {
        continue;
      }
      NodeProto mul = graph.node(mulIndex);
      for (int factor = 0; factor < 2; factor++) {
        Constant scale = graph.constant(mul.getInput(factor)).orElse(null);
        if (scale != null && scale.isRow(scale.elements()) && shift.isRow(scale.elements())) {
          return Optional.of(
              new NormNodes(
                  name(names, add, scale, shift),
                  mulIndex,
                  index,
                  row(factor, scale),
                  row(1 - side, shift)));
        }
      }
    }
    return Optional.empty();
  }

  private static String name(LayerNames names, NodeProto node, Constant scale, Constant shift) {
    return names.of(node, scale.root(), shift == null ? null : shift.root());
  }

  private static ConstantRow row(int input, Constant constant) {
    return new ConstantRow(
        input, Arrays.stream(constant.shape()).boxed().toList(), constant.values());
  }
}
