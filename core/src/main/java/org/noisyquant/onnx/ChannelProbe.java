package org.noisyquant.onnx;

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
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Measures where channels go: a copy of the model in which chosen tensors hold the number of each
 * channel ({@link ChannelNumbers}) for all tokens, and the softmaxes on the way get random scores,
 * so that only rows that sum to one let the numbers pass. One run serves any number of tensors:
 * each is cut off from what is before it but for its shape. Mutable until it is built.
 */
final class ChannelProbe {
  private static final String PREFIX = "noisyquant.probe.";

  private final ModelProto model;
  private final GraphIndex graph;
  private final Map<String, Integer> numbered = new HashMap<>();
  private final Set<Integer> softmaxes = new HashSet<>();
  private final Set<String> watched = new LinkedHashSet<>();

  ChannelProbe(ModelProto model, GraphIndex graph) {
    this.model = model;
    this.graph = graph;
  }

  /** Puts numbers into a tensor that some node makes and whose last axis has this size. */
  void number(ValueFlow.Origin origin, int channels) {
    numbered.put(origin.tensor(), channels);
    softmaxes.addAll(origin.softmaxes());
  }

  /** Reads a float tensor. */
  void watch(String tensor) {
    watched.add(tensor);
  }

  /** The values of the watched tensors. */
  Map<String, float[]> run(ProbeRunner runner, long... shape) {
    if (watched.isEmpty()) {
      return Map.of();
    }
    Map<String, float[]> outputs = runner.run(build().toByteArray(), shape);
    Map<String, float[]> values = new LinkedHashMap<>();
    watched.forEach(tensor -> values.put(tensor, outputs.get(renamed(tensor))));
    return values;
  }

  private String renamed(String tensor) {
    return numbered.containsKey(tensor) ? PREFIX + tensor : tensor;
  }

  private ModelProto build() {
    GraphProto whole = graph.graph();
    List<NodeProto> nodes = new ArrayList<>();
    Map<Integer, TensorProto> rows = new LinkedHashMap<>();
    for (int i = 0; i < whole.getNodeCount(); i++) {
      NodeProto.Builder node = whole.getNode(i).toBuilder();
      for (int input = 0; input < node.getInputCount(); input++) {
        node.setInput(input, renamed(node.getInput(input)));
      }
      if (softmaxes.contains(i)) {
        String scores = PREFIX + node.getOutput(0) + ".scores";
        nodes.add(
            node("RandomNormalLike", List.of(node.getInput(0)), scores).toBuilder()
                .addAttribute(
                    AttributeProto.newBuilder()
                        .setName("seed")
                        .setType(AttributeProto.AttributeType.FLOAT)
                        .setF(i))
                .build());
        node.setInput(0, scores);
      }
      nodes.add(node.build());
      for (String output : node.getOutputList()) {
        Integer channels = numbered.get(output);
        if (channels != null) {
          TensorProto row = rows.computeIfAbsent(channels, ChannelProbe::row);
          String shape = PREFIX + output + ".shape";
          nodes.add(node("Shape", List.of(output), shape));
          nodes.add(node("Expand", List.of(row.getName(), shape), renamed(output)));
        }
      }
    }
    GraphProto.Builder probe = whole.toBuilder().clearNode().clearOutput().clearValueInfo();
    Set<String> needed = needed(nodes);
    nodes.stream()
        .filter(node -> node.getOutputList().stream().anyMatch(needed::contains))
        .forEach(probe::addNode);
    probe.clearInitializer().addAllInitializer(rows.values());
    Set<String> initializers = new HashSet<>();
    for (TensorProto tensor : whole.getInitializerList()) {
      initializers.add(tensor.getName());
      if (needed.contains(tensor.getName())) {
        probe.addInitializer(tensor);
      }
    }
    // Old models list their initializers as inputs too: without the initializer it would be one.
    probe.clearInput();
    whole.getInputList().stream()
        .filter(input -> !initializers.contains(input.getName()))
        .forEach(probe::addInput);
    watched.forEach(tensor -> probe.addOutput(floats(renamed(tensor))));
    return model.toBuilder().setGraph(probe).build();
  }

  /** What the watched tensors are made from. */
  private Set<String> needed(List<NodeProto> nodes) {
    Map<String, NodeProto> producers = new HashMap<>();
    nodes.forEach(node -> node.getOutputList().forEach(output -> producers.put(output, node)));
    Set<String> needed = new HashSet<>();
    Deque<String> open = new ArrayDeque<>();
    watched.forEach(tensor -> open.add(renamed(tensor)));
    while (!open.isEmpty()) {
      String tensor = open.pop();
      if (needed.add(tensor) && producers.containsKey(tensor)) {
        open.addAll(NodeReads.of(producers.get(tensor)));
      }
    }
    return needed;
  }

  private static NodeProto node(String operator, List<String> inputs, String output) {
    return NodeProto.newBuilder()
        .setName(output)
        .setOpType(operator)
        .addAllInput(inputs)
        .addOutput(output)
        .build();
  }

  private static TensorProto row(int channels) {
    TensorProto.Builder row = TensorProto.newBuilder().setName(PREFIX + "channels_" + channels);
    row.setDataType(DataType.FLOAT_VALUE).addDims(channels);
    for (float number : new ChannelNumbers(channels).values()) {
      row.addFloatData(number);
    }
    return row.build();
  }

  private static ValueInfoProto floats(String name) {
    return ValueInfoProto.newBuilder()
        .setName(name)
        .setType(
            TypeProto.newBuilder()
                .setTensorType(TypeProto.Tensor.newBuilder().setElemType(DataType.FLOAT_VALUE)))
        .build();
  }
}
