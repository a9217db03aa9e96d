package org.noisyquant.onnx;

import ai.onnx.proto.OnnxMl.AttributeProto;
import ai.onnx.proto.OnnxMl.NodeProto;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Follows the token axis through the graph, from the Concat that puts constant class, distillation
 * or register tokens before the patches. Where the axis is lost (pooled, selected, or reshaped in a
 * way that cannot be followed) a tensor counts as having no prefix tokens, which is always safe:
 * they only let these tokens be weighted.
 */
final class PrefixTokens {
  private static final Set<String> SAME_SHAPE =
      Set.of(
          "Identity",
          "Cast",
          "Dropout",
          "LayerNormalization",
          "RMSNormalization",
          "Softmax",
          "LogSoftmax",
          "Gelu",
          "Erf",
          "Tanh",
          "Sigmoid",
          "Relu",
          "LeakyRelu",
          "Elu",
          "Selu",
          "HardSigmoid",
          "HardSwish",
          "Mish",
          "Softplus",
          "Exp",
          "Log",
          "Sqrt",
          "Reciprocal",
          "Neg",
          "Abs",
          "Clip",
          "Tile",
          "Expand",
          "IsNaN",
          "Not");
  private static final Set<String> ELEMENTWISE =
      Set.of(
          "Add", "Sub", "Mul", "Div", "Pow", "Min", "Max", "Where", "PRelu", "Sum", "Mean", "Equal",
          "Less", "Greater", "And", "Or");
  private static final Set<String> REDUCTIONS =
      Set.of("ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceL2", "ReduceSumSquare");

  private final GraphIndex graph;
  private final Map<String, Tokens> tokens = new HashMap<>();

  PrefixTokens(GraphIndex graph) {
    this.graph = graph;
    for (NodeProto node : graph.graph().getNodeList()) {
      if (node.getOpType().equals("Split")) {
        split(node);
        continue;
      }
      Tokens result = after(node);
      if (result != null && node.getOutputCount() > 0) {
        tokens.put(node.getOutput(0), result);
      }
    }
  }

  /** Number of prefix tokens at the start of this tensor's token axis. */
  int of(String tensor) {
    Tokens found = tokens.get(tensor);
    return found == null || found.pure() || found.axis() == found.rank() - 1 ? 0 : found.prefix();
  }

  private Tokens after(NodeProto node) {
    if (node.getInputCount() == 0) {
      return null;
    }
    String op = node.getOpType();
    Tokens first = operand(node.getInput(0));
    if (SAME_SHAPE.contains(op)) {
      return first;
    }
    if (ELEMENTWISE.contains(op)) {
      return elementwise(node);
    }
    if (op.equals("Concat")) {
      return concat(node);
    }
    if (first == null) {
      return null;
    }
    if (REDUCTIONS.contains(op)) {
      return reduce(node, first);
    }
    return switch (op) {
      // Rows of a product are rows of its left operand: also softmax(A)·V, whose rows are queries.
      case "MatMul", "Gemm" -> first.axis() < first.rank() - 1 ? first : null;
      // Of queries, too.
      case "Attention" -> first;
      case "Transpose" -> transpose(node, first);
      case "Reshape" -> reshape(node, first);
      case "Squeeze" -> graph.axes(node, "axes", 1).map(first::without).orElse(null);
      case "Unsqueeze" -> graph.axes(node, "axes", 1).map(first::with).orElse(null);
      case "Slice" -> slice(node, first);
      case "Gather" -> gather(node, first);
      default -> null;
    };
  }

  /** Tokens of this tensor; a constant [1, P, C] can be P prefix tokens. */
  private Tokens operand(String tensor) {
    Tokens found = tokens.get(tensor);
    if (found != null) {
      return found;
    }
    return graph
        .constant(tensor)
        .filter(c -> c.rank() == 3 && c.shape()[0] == 1)
        .map(c -> new Tokens(c.shape()[1], true, 1, 3, c.shape()[1]))
        .orElse(null);
  }

  private Tokens elementwise(NodeProto node) {
    Tokens mixed = null;
    Tokens pure = null;
    boolean patches = false;
    int rank = 0;
    for (String input : node.getInputList()) {
      Tokens operand = operand(input);
      rank = Math.max(rank, graph.constant(input).map(Constant::rank).orElse(0));
      if (operand == null) {
        patches |= graph.dependsOnImage(input);
      } else if (operand.pure()) {
        pure = pure == null || operand.prefix() > pure.prefix() ? operand : pure;
      } else {
        mixed = mixed == null || operand.rank() > mixed.rank() ? operand : mixed;
      }
    }
    if (mixed == null) {
      // A constant row for each patch, such as their positions, is no prefix.
      return patches ? null : pure;
    }
    Tokens known = mixed.ofLength(Math.max(mixed.length(), rowsOf(node, mixed)));
    // Broadcasting aligns the last axes.
    return rank > known.rank() ? known.at(known.axis() + rank - known.rank(), rank) : known;
  }

  /** Tokens that a constant operand such as a position embedding [1, N, C] tells, or −1. */
  private long rowsOf(NodeProto node, Tokens result) {
    for (String input : node.getInputList()) {
      Constant constant = graph.constant(input).orElse(null);
      if (constant != null
          && constant.rank() == result.rank()
          && constant.shape()[result.axis()] > 1) {
        return constant.shape()[result.axis()];
      }
    }
    return -1;
  }

  private Tokens concat(NodeProto node) {
    long axis = GraphIndex.integerAttribute(node, "axis", 0);
    int prefix = 0;
    Tokens last = null;
    for (String input : node.getInputList()) {
      Tokens operand = operand(input);
      if (operand == null) {
        // The patches. Without constant tokens before them this is no start of a token axis.
        return last != null && last.isAxis(axis)
            ? new Tokens(prefix, false, last.axis(), last.rank(), -1)
            : last;
      }
      if (!operand.isAxis(axis)) {
        return operand;
      }
      prefix += operand.prefix();
      last = operand;
      if (!operand.pure()) {
        return new Tokens(prefix, false, operand.axis(), operand.rank(), -1);
      }
    }
    return last == null ? null : new Tokens(prefix, true, last.axis(), last.rank(), prefix);
  }

  private Tokens reduce(NodeProto node, Tokens input) {
    Optional<long[]> axes = graph.axes(node, "axes", 1);
    if (axes.isEmpty() || Arrays.stream(axes.get()).anyMatch(axis -> input.isAxis(axis))) {
      return null;
    }
    boolean keeps = GraphIndex.integerAttribute(node, "keepdims", 1) == 1;
    return keeps ? input : input.without(axes.get());
  }

  private static Tokens transpose(NodeProto node, Tokens input) {
    List<Long> permutation =
        GraphIndex.attribute(node, "perm").map(AttributeProto::getIntsList).orElse(List.of());
    int axis =
        permutation.isEmpty()
            ? input.rank() - 1 - input.axis()
            : permutation.indexOf((long) input.axis());
    return axis < 0 ? null : input.at(axis, input.rank());
  }

  private Tokens slice(NodeProto node, Tokens input) {
    if (node.getInputCount() < 4) {
      return null;
    }
    long[] starts = graph.integers(node.getInput(1)).orElse(null);
    long[] ends = graph.integers(node.getInput(2)).orElse(null);
    long[] axes = graph.integers(node.getInput(3)).orElse(null);
    if (starts == null || ends == null || axes == null) {
      return null;
    }
    long[] steps = node.getInputCount() > 4 ? graph.integers(node.getInput(4)).orElse(null) : null;
    if (starts.length != axes.length
        || ends.length != axes.length
        || (steps != null && steps.length != axes.length)) {
      return null;
    }
    Tokens result = input;
    for (int i = 0; i < axes.length && result != null; i++) {
      if (input.isAxis(axes[i])) {
        boolean forward = node.getInputCount() < 5 || (steps != null && steps[i] == 1);
        boolean counted = starts[i] >= 0 && ends[i] >= 0;
        long end = ends[i] >= Integer.MAX_VALUE ? -1 : ends[i];
        result = forward && counted ? result.slice(starts[i], end) : null;
      }
    }
    return result;
  }

  private void split(NodeProto node) {
    Tokens input = operand(node.getInput(0));
    if (input == null) {
      return;
    }
    if (!input.isAxis(GraphIndex.integerAttribute(node, "axis", 0))) {
      node.getOutputList().forEach(output -> tokens.put(output, input));
      return;
    }
    Optional<long[]> sizes = graph.axes(node, "split", 1);
    long start = 0;
    for (int i = 0;
        sizes.isPresent() && i < Math.min(node.getOutputCount(), sizes.get().length);
        i++) {
      Tokens part = input.slice(start, start + sizes.get()[i]);
      if (part != null) {
        tokens.put(node.getOutput(i), part);
      }
      start += sizes.get()[i];
    }
  }

  private Tokens gather(NodeProto node, Tokens input) {
    long axis = GraphIndex.integerAttribute(node, "axis", 0);
    if (input.isAxis(axis)) {
      return null;
    }
    return graph
        .integerShape(node.getInput(1))
        .map(shape -> shape.length == 0 ? input.without(axis) : shape.length == 1 ? input : null)
        .orElse(null);
  }

  /** Where the token axis is after a Reshape: by its dimension, its length, or its place. */
  private Tokens reshape(NodeProto node, Tokens input) {
    List<String> dims = new ArrayList<>();
    long[] fixed = graph.integers(node.getInput(1)).orElse(null);
    int rank = fixed != null ? fixed.length : shapeParts(node.getInput(1), dims);
    if (rank == 0) {
      return null;
    }
    for (int i = 0; i < dims.size(); i++) {
      if (countsTokens(dims.get(i))) {
        return input.at(i, rank);
      }
    }
    int found = -1;
    for (int i = 0; i < rank; i++) {
      long dim = fixed != null ? fixed[i] : constantDim(dims.get(i));
      if (dim == 0 && i == input.axis()) {
        return input.at(i, rank);
      }
      if (input.length() > 1 && dim == input.length()) {
        if (found >= 0) {
          found = -1;
          break;
        }
        found = i;
      }
    }
    if (found >= 0) {
      return input.at(found, rank);
    }
    // [batch, tokens, …] split or merged behind the token axis.
    return input.axis() == 1 && input.rank() >= 3 && rank >= 3 ? input.at(1, rank) : null;
  }

  /** The dimensions of a shape put together by Concat, each from one element; 0 if it is not. */
  private int shapeParts(String shape, List<String> dims) {
    NodeProto concat = graph.producer(shape).orElse(null);
    if (concat == null || !concat.getOpType().equals("Concat")) {
      return 0;
    }
    for (String part : concat.getInputList()) {
      long[] values = graph.integers(part).orElse(null);
      if (values != null && values.length != 1) {
        return 0;
      }
      dims.add(part);
    }
    return dims.size();
  }

  private long constantDim(String part) {
    return graph.integers(part).map(values -> values[0]).orElse(-1L);
  }

  /** Whether this is element k of the Shape of a tensor whose token axis is k. */
  private boolean countsTokens(String part) {
    NodeProto node = graph.producer(part).orElse(null);
    while (node != null
        && Set.of("Unsqueeze", "Squeeze", "Cast", "Identity").contains(node.getOpType())) {
      node = graph.producer(node.getInput(0)).orElse(null);
    }
    if (node == null || !node.getOpType().equals("Gather")) {
      return false;
    }
    NodeProto shape = graph.producer(node.getInput(0)).orElse(null);
    long[] index = graph.integers(node.getInput(1)).orElse(null);
    if (shape == null || !shape.getOpType().equals("Shape") || index == null || index.length != 1) {
      return false;
    }
    Tokens of = tokens.get(shape.getInput(0));
    long first = GraphIndex.integerAttribute(shape, "start", 0);
    return of != null && first >= 0 && Math.floorMod(first + index[0], of.rank()) == of.axis();
  }
}
