package org.noisyquant.onnx;

import ai.onnx.proto.OnnxMl.NodeProto;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.OptionalInt;
import java.util.Set;

/**
 * Follows values through the nodes that only move or average them: reshapes, windows, rolls, means,
 * and softmax(A)·V, in two nodes or as one Attention, whose rows of weights sum to one. What is
 * added to all tokens at the start arrives at the end, if the channels stay apart; whether they do,
 * {@link ChannelProbe} measures.
 */
final class ValueFlow {
  private static final Set<String> MOVES =
      Set.of(
          "Identity",
          "Reshape",
          "Transpose",
          "Squeeze",
          "Unsqueeze",
          "Flatten",
          "Slice",
          "Split",
          "Gather",
          "ReduceMean",
          "GlobalAveragePool");
  private static final Set<String> KEEPS_ROWS =
      Set.of("Identity", "Reshape", "Squeeze", "Unsqueeze", "Cast");

  /** Input of an Attention. */
  private static final int VALUES = 2;

  private final GraphIndex graph;

  ValueFlow(GraphIndex graph) {
    this.graph = graph;
  }

  /**
   * Where values come from.
   *
   * @param tensor the tensor whose values they are before any move
   * @param attended whether an attention averaged them
   * @param softmaxes its nodes, where they are nodes of their own
   */
  record Origin(String tensor, boolean attended, List<Integer> softmaxes) {}

  /**
   * A reader that does more than move values.
   *
   * @param tensor what it reads
   * @param node index of the reader; −1 for the model's own output
   */
  record Reader(String tensor, int node) {}

  /** Follows this tensor back to the first node that computes. */
  Origin origin(String tensor) {
    List<Integer> softmaxes = new ArrayList<>();
    boolean attended = false;
    String current = tensor;
    while (true) {
      NodeProto node = graph.producer(current).orElse(null);
      if (node == null) {
        return new Origin(current, attended, softmaxes);
      }
      String values = values(node);
      if (!values.isEmpty() && node.getOutput(0).equals(current)) {
        softmax(node).ifPresent(softmaxes::add);
        attended = true;
        current = values;
      } else if (MOVES.contains(node.getOpType()) || node.getOpType().equals("Concat")) {
        current = node.getInput(0);
      } else {
        return new Origin(current, attended, softmaxes);
      }
    }
  }

  /** Everything that computes with the values of this tensor; what reads its shape does not. */
  List<Reader> readers(String origin) {
    Set<String> carried = new HashSet<>(Set.of(origin));
    List<Reader> readers = new ArrayList<>();
    for (int i = graph.producerIndex(origin) + 1; i < graph.graph().getNodeCount(); i++) {
      NodeProto node = graph.node(i);
      List<String> reads = NodeReads.of(node).stream().filter(carried::contains).toList();
      if (reads.isEmpty() || GraphIndex.readsShapeOnly(node)) {
        continue;
      }
      String values = values(node);
      if (!values.isEmpty() && carried.contains(values)) {
        carried.add(node.getOutput(0));
      } else if (carries(node, reads, carried)) {
        carried.addAll(node.getOutputList());
        continue;
      }
      // An attention may read the same tensor as queries or keys, too.
      for (String tensor : readBesides(node, values, reads)) {
        readers.add(new Reader(tensor, i));
      }
    }
    for (String tensor : carried) {
      if (graph.isOutput(tensor)) {
        readers.add(new Reader(tensor, -1));
      }
    }
    return readers;
  }

  private static List<String> readBesides(NodeProto node, String values, List<String> reads) {
    boolean once = node.getInputList().stream().filter(values::equals).count() == 1;
    return reads.stream().filter(tensor -> !(once && tensor.equals(values))).toList();
  }

  private static boolean carries(NodeProto node, List<String> reads, Set<String> carried) {
    if (node.getOpType().equals("Concat")) {
      return carried.containsAll(node.getInputList());
    }
    return reads.size() == 1
        && MOVES.contains(node.getOpType())
        && node.getInput(0).equals(reads.get(0));
  }

  /** The values that this node averages; empty if it is no attention. */
  private String values(NodeProto node) {
    if (isAttention(node)) {
      return node.getInput(VALUES);
    }
    return softmax(node).isPresent() ? node.getInput(1) : "";
  }

  /** ONNX's own operator since opset 23; the sum of a row's weights is one by its definition. */
  private static boolean isAttention(NodeProto node) {
    return node.getOpType().equals("Attention")
        && node.getDomain().isEmpty()
        && node.getInputCount() > VALUES;
  }

  /** The Softmax whose result this MatMul multiplies values by. */
  private OptionalInt softmax(NodeProto node) {
    if (!node.getOpType().equals("MatMul")) {
      return OptionalInt.empty();
    }
    int index = graph.producerIndex(node.getInput(0));
    while (index >= 0) {
      NodeProto made = graph.node(index);
      if (KEEPS_ROWS.contains(made.getOpType())) {
        index = graph.producerIndex(made.getInput(0));
      } else if (replacesNaN(made)) {
        index = graph.producerIndex(made.getInput(2));
      } else {
        break;
      }
    }
    return index >= 0 && graph.node(index).getOpType().equals("Softmax")
        ? OptionalInt.of(index)
        : OptionalInt.empty();
  }

  /** Where(IsNaN(A), 0, A), by which PyTorch guards rows that are masked as a whole. */
  private boolean replacesNaN(NodeProto node) {
    if (!node.getOpType().equals("Where")) {
      return false;
    }
    NodeProto condition = graph.producer(node.getInput(0)).orElse(null);
    return condition != null
        && condition.getOpType().equals("IsNaN")
        && condition.getInput(0).equals(node.getInput(2));
  }
}
