package org.noisyquant.export;

import ai.onnx.proto.OnnxMl.GraphProto;
import ai.onnx.proto.OnnxMl.NodeProto;
import ai.onnx.proto.OnnxMl.TensorProto;
import ai.onnx.proto.OnnxMl.ValueInfoProto;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.noisyquant.error.ErrorCode;
import org.noisyquant.error.NoisyQuantException;
import org.noisyquant.onnx.NodeReads;

/**
 * Edits to a graph that keep its nodes in topological order. Mutable; {@link #build} leaves out
 * what is not read any more because of the edits, and nothing else.
 */
final class GraphEdit {
  private final GraphProto original;
  private final List<List<NodeProto>> nodes = new ArrayList<>();
  private final List<TensorProto> added = new ArrayList<>();
  private final Set<String> names = new HashSet<>();

  GraphEdit(GraphProto original) {
    this.original = original;
    for (NodeProto node : original.getNodeList()) {
      nodes.add(List.of(node));
      names.addAll(node.getOutputList());
      names.add(node.getName());
    }
    original.getInitializerList().forEach(tensor -> names.add(tensor.getName()));
    original.getInputList().forEach(input -> names.add(input.getName()));
  }

  /** The node at this index of the original graph. */
  NodeProto node(int index) {
    return original.getNode(index);
  }

  /** Puts nodes before whatever stands now for the original node at this index. */
  void before(int index, List<NodeProto> inserted) {
    List<NodeProto> all = new ArrayList<>(inserted);
    all.addAll(nodes.get(index));
    nodes.set(index, all);
  }

  /** Puts nodes in the place of the original node at this index, behind those put before it. */
  void replace(int index, List<NodeProto> replacement) {
    List<NodeProto> all = new ArrayList<>(nodes.get(index));
    all.remove(all.size() - 1);
    all.addAll(replacement);
    nodes.set(index, all);
  }

  /** Adds an initializer and returns its name. */
  String initializer(TensorProto tensor) {
    added.add(tensor);
    return tensor.getName();
  }

  /** Reserves a name for a new tensor or node. */
  String fresh(String name) {
    if (!names.add(name)) {
      throw new NoisyQuantException(
          ErrorCode.MODEL_UNSUPPORTED,
          "the model already has a tensor or node named "
              + name
              + "; rename it, or give the model this one was made from.");
    }
    return name;
  }

  /** The edited graph. */
  GraphProto build() {
    List<NodeProto> kept = new ArrayList<>();
    nodes.forEach(kept::addAll);
    Set<String> removed = removeUnread(kept);
    GraphProto.Builder graph = original.toBuilder().clearNode().addAllNode(kept);
    graph.clearInitializer().clearInput().clearValueInfo();
    for (TensorProto tensor : original.getInitializerList()) {
      if (!removed.contains(tensor.getName())) {
        graph.addInitializer(tensor);
      }
    }
    graph.addAllInitializer(added);
    Set<String> gone = new HashSet<>(removed);
    gone.retainAll(original.getInitializerList().stream().map(TensorProto::getName).toList());
    for (ValueInfoProto input : original.getInputList()) {
      // Old models list their initializers as inputs too.
      if (!gone.contains(input.getName())) {
        graph.addInput(input);
      }
    }
    Set<String> made = new HashSet<>();
    kept.forEach(node -> made.addAll(node.getOutputList()));
    for (ValueInfoProto known : original.getValueInfoList()) {
      if (made.contains(known.getName())) {
        graph.addValueInfo(known);
      }
    }
    return graph.build();
  }

  /**
   * Takes out the nodes that lost all their readers and returns the tensors that are gone with
   * them. What nobody read before the edits stays.
   */
  private Set<String> removeUnread(List<NodeProto> kept) {
    Map<String, Integer> readers = new HashMap<>();
    Map<String, NodeProto> producers = new LinkedHashMap<>();
    for (NodeProto node : kept) {
      NodeReads.of(node).forEach(name -> readers.merge(name, 1, Integer::sum));
      node.getOutputList().forEach(name -> producers.put(name, node));
    }
    original.getOutputList().forEach(output -> readers.merge(output.getName(), 1, Integer::sum));
    Deque<String> unread = new ArrayDeque<>();
    for (NodeProto node : original.getNodeList()) {
      for (String name : NodeReads.of(node)) {
        if (!readers.containsKey(name)) {
          unread.add(name);
        }
      }
    }
    Set<String> removed = new HashSet<>();
    Set<NodeProto> dead = new HashSet<>();
    while (!unread.isEmpty()) {
      String name = unread.remove();
      NodeProto producer = producers.get(name);
      removed.add(name);
      if (producer == null
          || !removed.containsAll(producer.getOutputList())
          || !dead.add(producer)) {
        continue;
      }
      for (String input : NodeReads.of(producer)) {
        if (readers.merge(input, -1, Integer::sum) == 0) {
          unread.add(input);
        }
      }
    }
    kept.removeAll(dead);
    return removed;
  }
}
