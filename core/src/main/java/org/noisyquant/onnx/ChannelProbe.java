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
 * channel ({@link ChannelNumbers}) for all tokens, and the softmaxes on the way get irregular
 * scores, so that only rows that sum to one let the numbers pass. One run serves any number of
 * tensors: each is cut off from what is before it but for its shape. Mutable until it is built.
 */
final class ChannelProbe {
  private static final String PREFIX = "noisyquant.probe.";
  private static final String ZERO = PREFIX + "zero";
  private static final String ONE = PREFIX + "one";
  private static final String PRIME = PREFIX + "prime";
  private static final String SCALE = PREFIX + "scale";

  /** Number of different scores, a prime, and their largest value. */
  private static final int SCORES = 10_007;

  private static final float SPREAD = 6;

  private final OnnxModel model;
  private final GraphIndex graph;
  private final Map<String, Integer> numbered = new HashMap<>();
  private final Set<Integer> softmaxes = new HashSet<>();
  private final Set<String> watched = new LinkedHashSet<>();

  ChannelProbe(OnnxModel model, GraphIndex graph) {
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
    Map<String, float[]> outputs = runner.run(model.fileOf(build()), shape);
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
        nodes.addAll(scores(node.getInput(0), scores));
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
    scoreConstants().stream()
        .filter(constant -> needed.contains(constant.getName()))
        .forEach(probe::addInitializer);
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
    return model.proto().toBuilder().setGraph(probe).build();
  }

  /**
   * Scores in [0, 6) in the shape of a tensor: the square of an element's index, modulo a prime.
   * ONNX Runtime has random numbers too, but not for every opset.
   */
  private static List<NodeProto> scores(String like, String scores) {
    String shape = scores + ".shape";
    return List.of(
        node("Shape", List.of(like), shape),
        node("Size", List.of(like), scores + ".size"),
        node("Range", List.of(ZERO, scores + ".size", ONE), scores + ".index"),
        node("Mul", List.of(scores + ".index", scores + ".index"), scores + ".square"),
        node("Mod", List.of(scores + ".square", PRIME), scores + ".residue"),
        cast(scores + ".residue", scores + ".float"),
        node("Mul", List.of(scores + ".float", SCALE), scores + ".flat"),
        node("Reshape", List.of(scores + ".flat", shape), scores));
  }

  private static NodeProto cast(String input, String output) {
    return node("Cast", List.of(input), output).toBuilder()
        .addAttribute(
            AttributeProto.newBuilder()
                .setName("to")
                .setType(AttributeProto.AttributeType.INT)
                .setI(DataType.FLOAT_VALUE))
        .build();
  }

  /** What {@link #scores} reads. */
  private static List<TensorProto> scoreConstants() {
    return List.of(
        integer(ZERO, 0),
        integer(ONE, 1),
        integer(PRIME, SCORES),
        TensorProto.newBuilder()
            .setName(SCALE)
            .setDataType(DataType.FLOAT_VALUE)
            .addFloatData(SPREAD / SCORES)
            .build());
  }

  private static TensorProto integer(String name, long value) {
    return TensorProto.newBuilder()
        .setName(name)
        .setDataType(DataType.INT64_VALUE)
        .addInt64Data(value)
        .build();
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
