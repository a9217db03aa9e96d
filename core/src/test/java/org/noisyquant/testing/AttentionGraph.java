package org.noisyquant.testing;

import java.util.List;
import java.util.Map;

/**
 * One attention of two heads over three tokens of 16 channels, fused as in timm: layers {@code qkv}
 * and {@code proj}. Tests may put nodes between its parts; what is not asked for is as usual.
 */
public final class AttentionGraph {
  private final GraphBuilder builder;
  private long softmaxAxis = -1;
  private int headsOfValues = 2;
  private boolean meanOfHeads;
  private boolean biased = true;
  private boolean fused;
  private boolean guarded;

  /** Of opset 17. */
  public AttentionGraph() {
    this(17);
  }

  /** Of another opset. */
  public AttentionGraph(long opset) {
    builder = new GraphBuilder(opset);
  }

  /** The attention is one node, from opset 23 on. */
  public AttentionGraph fused() {
    fused = true;
    return this;
  }

  /** The layer {@code qkv} has no bias. */
  public AttentionGraph withoutBias() {
    biased = false;
    return this;
  }

  /** Weights that are no number become 0, and are cast, as PyTorch's exporters write it. */
  public AttentionGraph guarded() {
    guarded = true;
    return this;
  }

  /** Normalises the weights over this axis. */
  public AttentionGraph softmaxAxis(long axis) {
    softmaxAxis = axis;
    return this;
  }

  /** All heads read the values of the first. */
  public AttentionGraph oneHeadOfValues() {
    headsOfValues = 1;
    return this;
  }

  /** The mean of both heads, 8 channels, is what {@code proj} reads. */
  public AttentionGraph meanOfHeads() {
    meanOfHeads = true;
    return this;
  }

  /** The graph up to the output {@code y} [batch, 3, 16] of {@code proj}. */
  public GraphBuilder build() {
    builder
        .tokens()
        .random("qkv.weight", 16, 48)
        .node("MatMul", List.of("x", "qkv.weight"), biased ? "qkv.product" : "qkv");
    if (biased) {
      builder.random("qkv.bias", 48).node("Add", List.of("qkv.product", "qkv.bias"), "qkv");
    }
    builder
        .integers("split_shape", 0, 3, 3, 2, 8)
        .node("Reshape", List.of("qkv", "split_shape"), "split")
        .node("Transpose", List.of("split"), "parts", Map.of("perm", new long[] {2, 0, 3, 1, 4}));
    for (int i = 0; i < 3; i++) {
      builder
          .scalar("index_" + i, i)
          .node("Gather", List.of("parts", "index_" + i), "part_" + i, Map.of("axis", 0L));
    }
    values();
    if (fused) {
      builder.node("Attention", List.of("part_0", "part_1", "values"), "heads");
    } else {
      builder
          .node("Transpose", List.of("part_1"), "keys", Map.of("perm", new long[] {0, 1, 3, 2}))
          .node("MatMul", List.of("part_0", "keys"), "scores")
          .node("Softmax", List.of("scores"), "attention", Map.of("axis", softmaxAxis));
      if (guarded) {
        builder
            .floats("nothing", new long[0], 0f)
            .node("IsNaN", List.of("attention"), "is_nan")
            .node("Where", List.of("is_nan", "nothing", "attention"), "numbers")
            .node("Cast", List.of("numbers"), "cast", Map.of("to", 1L));
      }
      builder.node("MatMul", List.of(guarded ? "cast" : "attention", "values"), "heads");
    }
    int channels = meanOfHeads ? 8 : 16;
    if (meanOfHeads) {
      builder.node(
          "ReduceMean", List.of("heads"), "mean", Map.of("axes", new long[] {1}, "keepdims", 0L));
    } else {
      builder
          .node("Transpose", List.of("heads"), "turned", Map.of("perm", new long[] {0, 2, 1, 3}))
          .integers("joined_shape", 0, 3, 16)
          .node("Reshape", List.of("turned", "joined_shape"), "joined");
    }
    return builder
        .random("proj.weight", channels, 16)
        .random("proj.bias", 16)
        .node("MatMul", List.of(meanOfHeads ? "mean" : "joined", "proj.weight"), "proj.product")
        .node("Add", List.of("proj.product", "proj.bias"), "y");
  }

  private void values() {
    if (headsOfValues == 2) {
      builder.node("Identity", List.of("part_2"), "values");
      return;
    }
    builder
        .integers("both", 0, 0)
        .node("Gather", List.of("part_2", "both"), "values", Map.of("axis", 1L));
  }
}
