package org.noisyquant.onnx;

import ai.onnx.proto.OnnxMl.AttributeProto;
import ai.onnx.proto.OnnxMl.GraphProto;
import ai.onnx.proto.OnnxMl.NodeProto;
import ai.onnx.proto.OnnxMl.TensorProto;
import ai.onnx.proto.OnnxMl.ValueInfoProto;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Who produces and who reads each tensor of a graph, which are constants, and which depend on the
 * values of the image (a shape does not).
 */
final class GraphIndex {
  private static final Set<String> VALUE_INDEPENDENT = Set.of("Shape", "Size");

  private final GraphProto graph;
  private final Map<String, TensorProto> tensors = new HashMap<>();
  private final Map<String, Integer> producers = new HashMap<>();
  private final Map<String, List<Integer>> consumers = new HashMap<>();
  private final Set<String> outputs = new HashSet<>();
  private final Set<String> imageDependent = new HashSet<>();

  GraphIndex(GraphProto graph) {
    this.graph = graph;
    for (TensorProto tensor : graph.getInitializerList()) {
      tensors.put(tensor.getName(), tensor);
    }
    for (ValueInfoProto output : graph.getOutputList()) {
      outputs.add(output.getName());
    }
    for (ValueInfoProto input : graph.getInputList()) {
      if (!tensors.containsKey(input.getName())) {
        imageDependent.add(input.getName());
      }
    }
    for (int i = 0; i < graph.getNodeCount(); i++) {
      index(i, graph.getNode(i));
    }
  }

  private void index(int i, NodeProto node) {
    boolean depends = false;
    for (String input : NodeReads.of(node)) {
      consumers.computeIfAbsent(input, name -> new ArrayList<>()).add(i);
      depends |= imageDependent.contains(input);
    }
    constantOf(node).ifPresent(tensor -> tensors.put(node.getOutput(0), tensor));
    for (String output : node.getOutputList()) {
      producers.put(output, i);
      if (depends && !VALUE_INDEPENDENT.contains(node.getOpType())) {
        imageDependent.add(output);
      }
    }
  }

  /** Whether this node reads how large its input is, and none of its values. */
  static boolean readsShapeOnly(NodeProto node) {
    return VALUE_INDEPENDENT.contains(node.getOpType());
  }

  GraphProto graph() {
    return graph;
  }

  NodeProto node(int index) {
    return graph.getNode(index);
  }

  Optional<NodeProto> producer(String tensor) {
    return Optional.ofNullable(producers.get(tensor)).map(graph::getNode);
  }

  int producerIndex(String tensor) {
    return producers.getOrDefault(tensor, -1);
  }

  /** Nodes that read this tensor, once for each reading. */
  List<Integer> consumers(String tensor) {
    return consumers.getOrDefault(tensor, List.of());
  }

  boolean isOutput(String tensor) {
    return outputs.contains(tensor);
  }

  /** Whether the values of this tensor depend on the values of the image. */
  boolean dependsOnImage(String tensor) {
    return imageDependent.contains(tensor);
  }

  static Optional<AttributeProto> attribute(NodeProto node, String name) {
    return node.getAttributeList().stream().filter(a -> a.getName().equals(name)).findFirst();
  }

  static long integerAttribute(NodeProto node, String name, long otherwise) {
    return attribute(node, name).map(AttributeProto::getI).orElse(otherwise);
  }

  static float floatAttribute(NodeProto node, String name, float otherwise) {
    return attribute(node, name).map(AttributeProto::getF).orElse(otherwise);
  }

  /** The float constant behind this tensor, when it is one that can be read. */
  Optional<Constant> constant(String name) {
    TensorProto tensor = tensors.get(name);
    if (tensor != null) {
      return TensorCodec.isFloating(tensor)
          ? Optional.of(
              new Constant(name, TensorCodec.shape(tensor), () -> TensorCodec.floats(tensor)))
          : Optional.empty();
    }
    if (dependsOnImage(name)) {
      return Optional.empty();
    }
    NodeProto node = producer(name).orElse(null);
    if (node == null || node.getInputCount() == 0) {
      return Optional.empty();
    }
    Optional<Constant> input = constant(node.getInput(0));
    return switch (node.getOpType()) {
      case "Identity" -> input;
      case "Cast" ->
          input.filter(c -> integerAttribute(node, "to", 0) == TensorProto.DataType.FLOAT_VALUE);
      case "Transpose" -> input.flatMap(c -> transposed(c, node));
      case "Reshape" -> input.flatMap(c -> reshaped(c, node));
      case "Squeeze" -> input.flatMap(c -> squeezed(c, node));
      case "Unsqueeze" -> input.flatMap(c -> unsqueezed(c, node));
      default -> Optional.empty();
    };
  }

  /** The integers behind this tensor (a shape, axes, indices), when they are constant. */
  Optional<long[]> integers(String name) {
    TensorProto tensor = tensors.get(name);
    if (tensor != null) {
      return TensorCodec.isIntegral(tensor)
          ? Optional.of(TensorCodec.integers(tensor))
          : Optional.empty();
    }
    return producer(name)
        .filter(
            node ->
                node.getInputCount() > 0
                    && Set.of("Identity", "Cast", "Squeeze", "Unsqueeze", "Reshape")
                        .contains(node.getOpType()))
        .flatMap(node -> integers(node.getInput(0)));
  }

  /** Shape of an integer constant, when it is stored as a tensor. */
  Optional<int[]> integerShape(String name) {
    return Optional.ofNullable(tensors.get(name)).map(TensorCodec::shape);
  }

  /** The values of an axes-like argument: the attribute of old opsets or the input of new ones. */
  Optional<long[]> axes(NodeProto node, String attribute, int input) {
    Optional<AttributeProto> found = attribute(node, attribute);
    if (found.isPresent()) {
      return found.map(a -> a.getIntsList().stream().mapToLong(Long::longValue).toArray());
    }
    return node.getInputCount() > input && !node.getInput(input).isEmpty()
        ? integers(node.getInput(input))
        : Optional.empty();
  }

  private static Optional<Constant> transposed(Constant constant, NodeProto node) {
    if (constant.rank() != 2) {
      return Optional.empty();
    }
    List<Long> permutation =
        attribute(node, "perm").map(AttributeProto::getIntsList).orElse(List.of(1L, 0L));
    return permutation.equals(List.of(0L, 1L))
        ? Optional.of(constant)
        : permutation.equals(List.of(1L, 0L))
            ? Optional.of(constant.transposed())
            : Optional.empty();
  }

  private Optional<Constant> reshaped(Constant constant, NodeProto node) {
    Optional<long[]> target = integers(node.getInput(1));
    if (target.isEmpty()) {
      return Optional.empty();
    }
    int[] shape = new int[target.get().length];
    int elements = constant.elements();
    int left = elements;
    int inferred = -1;
    for (int i = 0; i < shape.length; i++) {
      long dim = target.get()[i];
      if (dim == 0 && i < constant.rank()) {
        dim = constant.shape()[i];
      }
      if (dim == -1 && inferred < 0) {
        inferred = i;
      } else if (dim < 1 || left % dim != 0) {
        return Optional.empty();
      } else {
        shape[i] = (int) dim;
        left /= shape[i];
      }
    }
    if (inferred >= 0) {
      shape[inferred] = left;
      left = 1;
    }
    return left == 1 && elements > 0 ? Optional.of(constant.reshaped(shape)) : Optional.empty();
  }

  private Optional<Constant> squeezed(Constant constant, NodeProto node) {
    Set<Integer> removed = new HashSet<>();
    Optional<long[]> axes = axes(node, "axes", 1);
    for (int i = 0; i < constant.rank(); i++) {
      int axis = i;
      boolean named =
          axes.map(a -> Arrays.stream(a).anyMatch(x -> Math.floorMod(x, constant.rank()) == axis))
              .orElse(constant.shape()[i] == 1);
      if (named) {
        removed.add(i);
      }
    }
    int[] shape = new int[constant.rank() - removed.size()];
    int next = 0;
    for (int i = 0; i < constant.rank(); i++) {
      if (!removed.contains(i)) {
        shape[next++] = constant.shape()[i];
      }
    }
    return Optional.of(constant.reshaped(shape));
  }

  private Optional<Constant> unsqueezed(Constant constant, NodeProto node) {
    Optional<long[]> axes = axes(node, "axes", 1);
    if (axes.isEmpty()) {
      return Optional.empty();
    }
    int rank = constant.rank() + axes.get().length;
    Set<Integer> added = new HashSet<>();
    for (long axis : axes.get()) {
      added.add(Math.floorMod(axis, rank));
    }
    if (added.size() < axes.get().length) {
      return Optional.empty();
    }
    int[] shape = new int[rank];
    int next = 0;
    for (int i = 0; i < rank; i++) {
      shape[i] = added.contains(i) ? 1 : constant.shape()[next++];
    }
    return Optional.of(constant.reshaped(shape));
  }

  /** The tensor of a Constant node, from whichever attribute holds it. */
  static Optional<TensorProto> constantOf(NodeProto node) {
    if (!node.getOpType().equals("Constant") || node.getAttributeCount() != 1) {
      return Optional.empty();
    }
    AttributeProto a = node.getAttribute(0);
    TensorProto.Builder tensor = TensorProto.newBuilder();
    int floating = TensorProto.DataType.FLOAT_VALUE;
    int integral = TensorProto.DataType.INT64_VALUE;
    return switch (a.getName()) {
      case "value" -> Optional.of(a.getT());
      case "value_float" ->
          Optional.of(tensor.setDataType(floating).addFloatData(a.getF()).build());
      case "value_floats" ->
          Optional.of(
              tensor
                  .setDataType(floating)
                  .addDims(a.getFloatsCount())
                  .addAllFloatData(a.getFloatsList())
                  .build());
      case "value_int" -> Optional.of(tensor.setDataType(integral).addInt64Data(a.getI()).build());
      case "value_ints" ->
          Optional.of(
              tensor
                  .setDataType(integral)
                  .addDims(a.getIntsCount())
                  .addAllInt64Data(a.getIntsList())
                  .build());
      default -> Optional.empty();
    };
  }
}
