package org.noisyquant.onnx;

import ai.onnx.proto.OnnxMl.NodeProto;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import org.noisyquant.graph.ActivationSite;
import org.noisyquant.graph.LinearLayer;
import org.noisyquant.graph.NoiseFold.None;

/** Says to people why noise does not fold. */
final class FoldReasons {
  private static final Set<String> GELU = Set.of("Gelu", "Erf", "Tanh");

  /** Nodes between the end of a GELU written out and its Erf or Tanh. */
  private static final int GELU_NODES = 12;

  private final GraphIndex graph;
  private final Map<Integer, String> siteOfNode = new HashMap<>();
  private final Set<String> layerOutputs = new HashSet<>();

  FoldReasons(OnnxModel model, GraphIndex graph) {
    this.graph = graph;
    for (ActivationSite site : model.graph().sites()) {
      for (LinearLayer layer : site.layers()) {
        siteOfNode.put(layer.node(), site.name());
        layerOutputs.add(model.nodes(layer).output());
      }
    }
  }

  /** The values come from a node that is neither a norm nor the layer of the attention's values. */
  None fedBy(String tensor) {
    NodeProto node = graph.producer(tensor).orElse(null);
    if (node == null) {
      return new None("fed by the model's input");
    }
    if (isGelu(tensor)) {
      return new None("fed by GELU");
    }
    return switch (node.getOpType()) {
      case "Pad" -> new None("fed by Pad, whose zeros must stay zero");
      case "LayerNormalization" ->
          new None("its norm has no constant scale and shift, one for each channel");
      default -> new None("fed by " + called(node));
    };
  }

  /** Something else computes with what would change. */
  None alsoReadBy(String what, ValueFlow.Reader reader) {
    if (reader.node() < 0) {
      return new None(what + " is an output of the model");
    }
    String site = siteOfNode.get(reader.node());
    NodeProto node = graph.node(reader.node());
    if (site != null) {
      return new None(what + " also feeds the site " + site);
    }
    return new None(
        what
            + " is also read by "
            + called(node)
            + (node.getOpType().equals("Pad") ? ", whose zeros must stay zero" : ""));
  }

  private boolean isGelu(String tensor) {
    Set<String> seen = new HashSet<>();
    Deque<String> open = new ArrayDeque<>(Set.of(tensor));
    while (!open.isEmpty() && seen.size() < GELU_NODES) {
      String current = open.remove();
      NodeProto node = graph.producer(current).orElse(null);
      if (node == null || layerOutputs.contains(current) || !seen.add(current)) {
        continue;
      }
      if (GELU.contains(node.getOpType())) {
        return true;
      }
      if (Set.of("Mul", "Add", "Div").contains(node.getOpType())) {
        node.getInputList().stream().filter(graph::dependsOnImage).forEach(open::add);
      }
    }
    return false;
  }

  private static String called(NodeProto node) {
    return node.getName().isEmpty()
        ? node.getOpType()
        : node.getOpType() + " (" + node.getName() + ")";
  }
}
