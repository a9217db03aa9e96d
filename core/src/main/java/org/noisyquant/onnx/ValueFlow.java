package org.noisyquant.onnx;

import ai.onnx.proto.OnnxMl.NodeProto;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.OptionalInt;
import java.util.Set;

/**
 * Follows values through the nodes that only move or average them: reshapes, windows, rolls, means,
 * and softmax(A)·V, whose rows of weights sum to one. What is added to all tokens at the start
 * arrives at the end, if the channels stay apart; whether they do, {@link ChannelProbe} measures.
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
          "ReduceMean");
  private static final Set<String> KEEPS_ROWS =
      Set.of("Identity", "Reshape", "Squeeze", "Unsqueeze");

  private final GraphIndex graph;

  ValueFlow(GraphIndex graph) {
    this.graph = graph;
  }

  /**
   * Where values come from.
   *
   * @param tensor the tensor whose values they are before any move
   * @param softmaxes nodes of the attention they were averaged by
   */
  record Origin(String tensor, List<Integer> softmaxes) {}

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
    String current = tensor;
    while (true) {
      NodeProto node = graph.producer(current).orElse(null);
      if (node == null) {
        return new Origin(current, softmaxes);
      }
      OptionalInt softmax = attention(node);
      if (softmax.isPresent()) {
        softmaxes.add(softmax.getAsInt());
        current = node.getInput(1);
      } else if (MOVES.contains(node.getOpType()) || node.getOpType().equals("Concat")) {
        current = node.getInput(0);
      } else {
        return new Origin(current, softmaxes);
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
      if (carries(node, reads, carried)) {
        carried.addAll(node.getOutputList());
      } else {
        for (String tensor : reads) {
          readers.add(new Reader(tensor, i));
        }
      }
    }
    for (String tensor : carried) {
      if (graph.isOutput(tensor)) {
        readers.add(new Reader(tensor, -1));
      }
    }
    return readers;
  }

  private boolean carries(NodeProto node, List<String> reads, Set<String> carried) {
    if (node.getOpType().equals("Concat")) {
      return carried.containsAll(node.getInputList());
    }
    if (reads.size() != 1) {
      return false;
    }
    if (MOVES.contains(node.getOpType())) {
      return node.getInput(0).equals(reads.get(0));
    }
    return attention(node).isPresent() && node.getInput(1).equals(reads.get(0));
  }

  /** The Softmax whose result this MatMul multiplies values by. */
  private OptionalInt attention(NodeProto node) {
    if (!node.getOpType().equals("MatMul")) {
      return OptionalInt.empty();
    }
    String weights = node.getInput(0);
    int index = graph.producerIndex(weights);
    while (index >= 0 && KEEPS_ROWS.contains(graph.node(index).getOpType())) {
      weights = graph.node(index).getInput(0);
      index = graph.producerIndex(weights);
    }
    return index >= 0 && graph.node(index).getOpType().equals("Softmax")
        ? OptionalInt.of(index)
        : OptionalInt.empty();
  }
}
