package org.noisyquant.onnx;

import ai.onnx.proto.OnnxMl.AttributeProto;
import ai.onnx.proto.OnnxMl.GraphProto;
import ai.onnx.proto.OnnxMl.NodeProto;
import ai.onnx.proto.OnnxMl.ValueInfoProto;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/** Which tensors a node reads. */
public final class NodeReads {
  private NodeReads() {}

  /** All tensors a node reads, also those its subgraphs capture; one entry for each reading. */
  public static List<String> of(NodeProto node) {
    List<String> names = new ArrayList<>();
    for (String input : node.getInputList()) {
      if (!input.isEmpty()) {
        names.add(input);
      }
    }
    for (AttributeProto attribute : node.getAttributeList()) {
      if (attribute.hasG()) {
        names.addAll(captured(attribute.getG()));
      }
      for (GraphProto subgraph : attribute.getGraphsList()) {
        names.addAll(captured(subgraph));
      }
    }
    return names;
  }

  private static Set<String> captured(GraphProto subgraph) {
    Set<String> inner = new HashSet<>();
    subgraph.getInputList().forEach(input -> inner.add(input.getName()));
    subgraph.getInitializerList().forEach(tensor -> inner.add(tensor.getName()));
    Set<String> outer = new LinkedHashSet<>();
    for (NodeProto node : subgraph.getNodeList()) {
      for (String name : of(node)) {
        if (!inner.contains(name)) {
          outer.add(name);
        }
      }
      inner.addAll(node.getOutputList());
    }
    for (ValueInfoProto output : subgraph.getOutputList()) {
      if (!inner.contains(output.getName())) {
        outer.add(output.getName());
      }
    }
    return outer;
  }
}
