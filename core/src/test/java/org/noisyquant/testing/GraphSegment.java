package org.noisyquant.testing;

import ai.onnx.proto.OnnxMl.AttributeProto;
import ai.onnx.proto.OnnxMl.GraphProto;
import ai.onnx.proto.OnnxMl.ModelProto;
import ai.onnx.proto.OnnxMl.NodeProto;
import ai.onnx.proto.OnnxMl.TensorProto;
import ai.onnx.proto.OnnxMl.TensorProto.DataType;
import ai.onnx.proto.OnnxMl.TypeProto;
import ai.onnx.proto.OnnxMl.ValueInfoProto;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * The part of a model that makes one tensor from others.
 *
 * @param model the part as a model of its own
 * @param inputs the tensors it reads
 * @param output the tensor it makes
 */
record GraphSegment(ModelProto model, List<String> inputs, String output) {

  /**
   * Cuts the part out.
   *
   * @param output the tensor to make, float
   * @param given tensors that need not be made, float; those that are not read do not become inputs
   */
  static GraphSegment between(ModelProto model, Set<String> given, String output) {
    GraphProto whole = model.getGraph();
    Map<String, Integer> producers = new HashMap<>();
    for (int i = 0; i < whole.getNodeCount(); i++) {
      for (String made : whole.getNode(i).getOutputList()) {
        producers.put(made, i);
      }
    }
    Set<String> reached = new HashSet<>();
    Set<Integer> nodes = new HashSet<>();
    Deque<String> pending = new ArrayDeque<>(List.of(output));
    while (!pending.isEmpty()) {
      String tensor = pending.pop();
      Integer producer = producers.get(tensor);
      if (reached.add(tensor) && producer != null && !given.contains(tensor)) {
        nodes.add(producer);
        pending.addAll(inputs(whole.getNode(producer)));
      }
    }

    GraphProto.Builder part = GraphProto.newBuilder().setName(output);
    for (int i = 0; i < whole.getNodeCount(); i++) {
      if (nodes.contains(i)) {
        part.addNode(whole.getNode(i));
      }
    }
    for (TensorProto initializer : whole.getInitializerList()) {
      if (reached.contains(initializer.getName())) {
        part.addInitializer(initializer);
      }
    }
    List<String> inputs = new ArrayList<>();
    for (String tensor : given) {
      if (reached.contains(tensor)) {
        inputs.add(tensor);
        part.addInput(floats(tensor));
      }
    }
    part.addOutput(floats(output));
    return new GraphSegment(model.toBuilder().setGraph(part).build(), inputs, output);
  }

  private static List<String> inputs(NodeProto node) {
    if (node.getAttributeList().stream().anyMatch(AttributeProto::hasG)) {
      throw new IllegalArgumentException(node.getName() + " has a subgraph");
    }
    return node.getInputList().stream().filter(name -> !name.isEmpty()).toList();
  }

  /** A float tensor of any shape. */
  static ValueInfoProto floats(String name) {
    return ValueInfoProto.newBuilder()
        .setName(name)
        .setType(
            TypeProto.newBuilder()
                .setTensorType(
                    TypeProto.Tensor.newBuilder().setElemType(DataType.FLOAT.getNumber())))
        .build();
  }
}
