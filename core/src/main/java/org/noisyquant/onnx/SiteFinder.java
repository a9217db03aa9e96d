package org.noisyquant.onnx;

import ai.onnx.proto.OnnxMl.AttributeProto;
import ai.onnx.proto.OnnxMl.GraphProto;
import ai.onnx.proto.OnnxMl.NodeProto;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import org.noisyquant.graph.ActivationSite;
import org.noisyquant.graph.ActivationSite.Role;
import org.noisyquant.graph.LinearLayer;
import org.noisyquant.graph.ModelGraph.SkippedLayer;

/**
 * Finds the quantizable layers y = x·W + b of a graph, and the activation sites they read.
 *
 * <p>Every MatMul, Gemm, Conv, ConvTranspose or Einsum with a constant weight ends up in a site or
 * in {@link #skipped()} with the reason.
 */
final class SiteFinder {
  /** A layer with the constants behind it. */
  record Found(LinearLayer layer, LayerNodes nodes, String input, Constant weight, Constant bias) {}

  private static final Set<String> OTHER_WEIGHT_OPERATORS =
      Set.of("Conv", "ConvTranspose", "Einsum");

  private final GraphIndex graph;
  private final Set<String> headOutputsFrom;
  private final LayerNames names = new LayerNames();
  private final Map<String, List<Found>> layersByInput = new LinkedHashMap<>();
  private final Map<LinearLayer, Found> layers = new HashMap<>();
  private final List<SkippedLayer> skipped = new ArrayList<>();
  private final Set<String> skippedOutputs = new HashSet<>();

  /**
   * Searches a graph.
   *
   * @param graph the graph
   * @param logits its outputs; a layer is a head when one of them is reached from it without
   *     another
   */
  SiteFinder(GraphIndex graph, Set<String> logits) {
    this.graph = graph;
    this.headOutputsFrom = logits;
    for (int i = 0; i < graph.graph().getNodeCount(); i++) {
      NodeProto node = graph.node(i);
      switch (node.getOpType()) {
        case "MatMul" -> matMul(i, node);
        case "Gemm" -> gemm(i, node);
        default -> other(node);
      }
    }
  }

  /** All sites in the order of their first layer. */
  List<ActivationSite> sites() {
    Set<Integer> heads = heads();
    PrefixTokens prefixTokens = new PrefixTokens(graph);
    List<ActivationSite> sites = new ArrayList<>();
    for (Map.Entry<String, List<Found>> entry : layersByInput.entrySet()) {
      List<LinearLayer> readers = entry.getValue().stream().map(Found::layer).toList();
      boolean isHead = readers.stream().allMatch(layer -> heads.contains(layer.node()));
      sites.add(
          new ActivationSite(
              sites.size(),
              LayerNames.join(readers.stream().map(LinearLayer::name).toList()),
              entry.getKey(),
              readers.get(0).inputs(),
              readers,
              isHead ? Role.HEAD : Role.BLOCK,
              isHead ? 0 : prefixTokens.of(entry.getKey())));
    }
    return sites;
  }

  /** Weight layers that belong to no site, in node order. */
  List<SkippedLayer> skipped() {
    return skipped;
  }

  /** The layers of all sites. */
  Map<LinearLayer, Found> layers() {
    return layers;
  }

  private void matMul(int i, NodeProto node) {
    String left = node.getInput(0);
    String right = node.getInput(1);
    Constant weight = graph.constant(right).orElse(null);
    if (weight == null) {
      Constant leftConstant = graph.constant(left).filter(c -> c.rank() >= 2).orElse(null);
      if (leftConstant != null) {
        skip(node, leftConstant.root(), "its weight is the left operand");
      } else if (graph.dependsOnImage(left) && !graph.dependsOnImage(right)) {
        skipComputed(node, right);
      }
      return;
    }
    if (weight.rank() < 2) {
      return;
    }
    if (weight.rank() != 2 || weight.elements() == 0) {
      skip(node, weight.root(), "its weight has shape " + Arrays.toString(weight.shape()));
    } else if (readsImage(node, left, weight)) {
      String product = node.getOutput(0);
      int add = biasAdd(product, weight.shape()[1]);
      if (add < 0) {
        add(node, i, OptionalInt.empty(), product, weight, null);
      } else {
        NodeProto biasNode = graph.node(add);
        String operand = biasNode.getInput(biasNode.getInput(0).equals(product) ? 1 : 0);
        Constant bias = graph.constant(operand).orElseThrow();
        add(node, i, OptionalInt.of(add), biasNode.getOutput(0), weight, bias);
      }
    }
  }

  /** Index of the Add that gives this product its bias, or −1: no other node may read it. */
  private int biasAdd(String product, int outputs) {
    List<Integer> readers = graph.consumers(product);
    if (readers.size() != 1 || graph.isOutput(product)) {
      return -1;
    }
    NodeProto add = graph.node(readers.get(0));
    if (!add.getOpType().equals("Add")) {
      return -1;
    }
    String operand = add.getInput(add.getInput(0).equals(product) ? 1 : 0);
    return graph.constant(operand).filter(c -> c.isRow(outputs)).isPresent() ? readers.get(0) : -1;
  }

  private void gemm(int i, NodeProto node) {
    String left = node.getInput(0);
    Constant stored = graph.constant(node.getInput(1)).orElse(null);
    if (stored == null) {
      Constant leftConstant = graph.constant(left).orElse(null);
      if (leftConstant != null) {
        skip(node, leftConstant.root(), "its weight is the left operand");
      } else if (graph.dependsOnImage(left) && !graph.dependsOnImage(node.getInput(1))) {
        skipComputed(node, node.getInput(1));
      }
      return;
    }
    if (stored.rank() != 2 || stored.elements() == 0) {
      skip(node, stored.root(), "its weight has shape " + Arrays.toString(stored.shape()));
      return;
    }
    boolean transposed = GraphIndex.integerAttribute(node, "transB", 0) != 0;
    Constant weight = transposed ? stored.transposed() : stored;
    float alpha = GraphIndex.floatAttribute(node, "alpha", 1);
    float beta = GraphIndex.floatAttribute(node, "beta", 1);
    boolean hasBias = node.getInputCount() > 2 && !node.getInput(2).isEmpty();
    if (alpha != 1 || (hasBias && beta != 1)) {
      skip(node, weight.root(), "its alpha is " + alpha + " and its beta " + beta + ", not 1");
    } else if (GraphIndex.integerAttribute(node, "transA", 0) != 0) {
      skip(node, weight.root(), "its input is transposed (transA)");
    } else if (readsImage(node, left, weight)) {
      Constant bias = hasBias ? graph.constant(node.getInput(2)).orElse(null) : null;
      if (hasBias && (bias == null || !fitsGemm(bias, weight.shape()[1]))) {
        skip(node, weight.root(), "its bias " + node.getInput(2) + " is no constant row");
      } else {
        add(node, i, OptionalInt.empty(), node.getOutput(0), weight, bias);
      }
    }
  }

  /** A Gemm also takes one value for all outputs. */
  private static boolean fitsGemm(Constant bias, int outputs) {
    return bias.isRow(outputs) || bias.elements() == 1;
  }

  private boolean readsImage(NodeProto node, String input, Constant weight) {
    if (graph.dependsOnImage(input)) {
      return true;
    }
    skip(node, weight.root(), "its input does not depend on the image");
    return false;
  }

  private void other(NodeProto node) {
    if (OTHER_WEIGHT_OPERATORS.contains(node.getOpType())) {
      for (String input : node.getInputList()) {
        Constant weight = graph.constant(input).orElse(null);
        if (weight != null && weight.rank() >= 2) {
          String reason =
              node.getOpType().equals("Conv")
                  ? "convolutions (patch embedding) stay in floating point"
                  : "the operator stays in floating point";
          skip(node, weight.root(), reason);
          return;
        }
      }
    }
    for (AttributeProto attribute : node.getAttributeList()) {
      if (attribute.hasG()) {
        subgraph(node, attribute.getG());
      }
      attribute.getGraphsList().forEach(inner -> subgraph(node, inner));
    }
  }

  /** Weight layers in the branches of an If or the body of a Loop. */
  private void subgraph(NodeProto owner, GraphProto inner) {
    GraphIndex own = new GraphIndex(inner);
    for (NodeProto node : inner.getNodeList()) {
      boolean linear = node.getOpType().equals("MatMul") || node.getOpType().equals("Gemm");
      if (linear || OTHER_WEIGHT_OPERATORS.contains(node.getOpType())) {
        for (String input : node.getInputList()) {
          Constant weight = own.constant(input).or(() -> graph.constant(input)).orElse(null);
          if (weight != null && weight.rank() >= 2) {
            skip(node, weight.root(), "it is inside the control flow of " + owner.getOpType());
            break;
          }
        }
      }
      for (AttributeProto attribute : node.getAttributeList()) {
        if (attribute.hasG()) {
          subgraph(node, attribute.getG());
        }
      }
    }
  }

  private void skipComputed(NodeProto node, String weight) {
    String by = graph.producer(weight).map(NodeProto::getOpType).orElse("an unread tensor type");
    skip(node, weight, "its weight is computed in the graph (" + by + "): fold constants first");
  }

  private void skip(NodeProto node, String weight, String reason) {
    skippedOutputs.add(node.getOutput(0));
    skipped.add(new SkippedLayer(names.of(node, weight, null), node.getOpType(), reason));
  }

  private void add(
      NodeProto node, int i, OptionalInt biasAdd, String output, Constant weight, Constant bias) {
    String name = names.of(node, weight.root(), bias == null ? null : bias.root());
    LinearLayer layer =
        new LinearLayer(name, i, weight.shape()[0], weight.shape()[1], bias != null);
    List<Integer> biasShape =
        bias == null ? List.of() : Arrays.stream(bias.shape()).boxed().toList();
    Found found =
        new Found(
            layer, new LayerNodes(i, biasAdd, output, biasShape), node.getInput(0), weight, bias);
    layers.put(layer, found);
    layersByInput.computeIfAbsent(found.input(), input -> new ArrayList<>()).add(found);
  }

  /** Nodes of the linear layers from which logits are reached without another linear layer. */
  private Set<Integer> heads() {
    Set<Integer> linear = new HashSet<>();
    layers.keySet().forEach(layer -> linear.add(layer.node()));
    Set<Integer> heads = new HashSet<>();
    Set<String> seen = new HashSet<>(headOutputsFrom);
    Deque<String> open = new ArrayDeque<>(headOutputsFrom);
    while (!open.isEmpty()) {
      String tensor = open.pop();
      int producer = graph.producerIndex(tensor);
      if (producer < 0 || skippedOutputs.contains(tensor)) {
        continue;
      }
      if (linear.contains(producer)) {
        heads.add(producer);
        continue;
      }
      for (String input : NodeReads.of(graph.node(producer))) {
        // A path over a shape carries no values of the layer.
        if (graph.dependsOnImage(input) && seen.add(input)) {
          open.push(input);
        }
      }
    }
    return heads;
  }
}
