package org.noisyquant.onnx;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.noisyquant.graph.ActivationSite;
import org.noisyquant.testing.GraphBuilder;

class PrefixTokensTest {
  /** Patches x [batch, 3, 16] and a class token [1, 1, 16]. */
  private static GraphBuilder patches() {
    return new GraphBuilder(17).tokens().random("cls", 1, 1, 16).random("w", 16, 16);
  }

  /** Prefix tokens of the site that this tensor is, with a layer and a head put behind it. */
  private static int prefixTokens(GraphBuilder builder, String tensor) {
    builder.node("MatMul", List.of(tensor, "w"), "probe").pooledHead("probe");
    return OnnxModel.parse(builder.bytes(), "test").graph().sites().stream()
        .filter(site -> site.tensor().equals(tensor))
        .mapToInt(ActivationSite::prefixTokens)
        .findFirst()
        .orElseThrow();
  }

  private static GraphBuilder concat(GraphBuilder builder, List<String> parts, String output) {
    return builder.node("Concat", parts, output, Map.of("axis", 1L));
  }

  @Test
  void patchesAloneHaveNone() {
    assertThat(prefixTokens(patches(), "x")).isZero();
  }

  @Test
  void patchesWithPositionsHaveNone() {
    GraphBuilder builder =
        patches().random("positions", 1, 3, 16).node("Add", List.of("positions", "x"), "placed");

    assertThat(prefixTokens(builder, "placed")).isZero();
  }

  @Test
  void classDistillationAndRegisterTokensAddUp() {
    GraphBuilder builder = patches().random("dist", 1, 1, 16).random("registers", 1, 4, 16);

    assertThat(prefixTokens(concat(builder, List.of("cls", "dist", "registers", "x"), "y"), "y"))
        .isEqualTo(6);
  }

  @Test
  void tokensPutInFrontOneAfterTheOtherAddUp() {
    GraphBuilder builder = patches().random("registers", 1, 4, 16);
    concat(builder, List.of("registers", "x"), "with_registers");

    assertThat(prefixTokens(concat(builder, List.of("cls", "with_registers"), "y"), "y"))
        .isEqualTo(5);
  }

  @Test
  void anExpandedAndPlacedClassTokenCounts() {
    GraphBuilder builder =
        patches()
            .random("place", 1, 1, 16)
            .node("Add", List.of("cls", "place"), "placed")
            .node("Shape", List.of("x"), "shape")
            .scalar("first", 0)
            .node("Gather", List.of("shape", "first"), "batch")
            .integers("axis", 0)
            .node("Unsqueeze", List.of("batch", "axis"), "batch1")
            .integers("one", 1)
            .integers("width", 16)
            .node("Concat", List.of("batch1", "one", "width"), "target", Map.of("axis", 0L))
            .node("Expand", List.of("placed", "target"), "expanded");

    assertThat(prefixTokens(concat(builder, List.of("expanded", "x"), "y"), "y")).isEqualTo(1);
  }

  @Test
  void registersBetweenClassTokenAndPatchesAddUp() {
    GraphBuilder builder = patches().random("registers", 1, 4, 16);
    concat(builder, List.of("cls", "x"), "tokens")
        .integers("zero", 0)
        .integers("one", 1)
        .integers("all", Long.MAX_VALUE)
        .node("Slice", List.of("tokens", "zero", "one", "one"), "front")
        .node("Slice", List.of("tokens", "one", "all", "one"), "back");

    assertThat(prefixTokens(concat(builder, List.of("front", "registers", "back"), "y"), "y"))
        .isEqualTo(5);
  }

  @Test
  void tokensPutBehindThePatchesAreNoPrefix() {
    assertThat(prefixTokens(concat(patches(), List.of("x", "cls"), "y"), "y")).isZero();
  }

  @Test
  void patchesWithoutTheClassTokenHaveNone() {
    GraphBuilder builder =
        concat(patches(), List.of("cls", "x"), "tokens")
            .integers("one", 1)
            .integers("all", Long.MAX_VALUE)
            .node("Slice", List.of("tokens", "one", "all", "one"), "y");

    assertThat(prefixTokens(builder, "y")).isZero();
  }

  @Test
  void theSelectedClassTokenHasNone() {
    GraphBuilder builder =
        concat(patches(), List.of("cls", "x"), "tokens")
            .scalar("first", 0)
            .node("Gather", List.of("tokens", "first"), "class", Map.of("axis", 1L))
            .integers("axis", 1)
            .node("Unsqueeze", List.of("class", "axis"), "y");

    assertThat(prefixTokens(builder, "y")).isZero();
  }

  @Test
  void theMeanOverTokensHasNone() {
    GraphBuilder builder =
        concat(patches(), List.of("cls", "x"), "tokens")
            .node("ReduceMean", List.of("tokens"), "y", Map.of("axes", new long[] {1}));

    assertThat(prefixTokens(builder, "y")).isZero();
  }

  @Test
  void multiHeadAttentionKeepsTheTokens() {
    GraphBuilder builder =
        merged(
            queries()
                .node("Transpose", List.of("split"), "kT", Map.of("perm", new long[] {0, 2, 3, 1}))
                .node("MatMul", List.of("q", "kT"), "scores")
                .node("Softmax", List.of("scores"), "probabilities", Map.of("axis", -1L))
                .node("MatMul", List.of("probabilities", "q"), "mixed"));

    assertThat(prefixTokens(builder, "y")).isEqualTo(1);
  }

  @Test
  void anAttentionNodeKeepsTheTokens() {
    GraphBuilder builder = merged(queries().node("Attention", List.of("q", "q", "q"), "mixed"));

    assertThat(prefixTokens(builder, "y")).isEqualTo(1);
  }

  /** Heads {@code q} [batch, 2, 4, 8] of tokens {@code split} [batch, 4, 2, 8]. */
  private static GraphBuilder queries() {
    return concat(patches(), List.of("cls", "x"), "tokens")
        .integers("heads", 0, 0, 2, 8)
        .node("Reshape", List.of("tokens", "heads"), "split")
        .node("Transpose", List.of("split"), "q", Map.of("perm", new long[] {0, 2, 1, 3}));
  }

  /** Heads {@code mixed} [batch, 2, 4, 8] as tokens {@code y} [batch, 4, 16]. */
  private static GraphBuilder merged(GraphBuilder builder) {
    return builder
        .node("Transpose", List.of("mixed"), "back", Map.of("perm", new long[] {0, 2, 1, 3}))
        .integers("merged", 0, 0, 16)
        .node("Reshape", List.of("back", "merged"), "y");
  }

  @Test
  void selectingAHeadOnAxisOneKeepsTheTokens() {
    // [batch, 4, 16] → [batch, 2, 4, 8]: axis 1 counts heads there, not tokens.
    GraphBuilder builder =
        concat(patches(), List.of("cls", "x"), "tokens")
            .integers("heads", 0, 0, 2, 8)
            .node("Reshape", List.of("tokens", "heads"), "split")
            .node("Transpose", List.of("split"), "parts", Map.of("perm", new long[] {0, 2, 1, 3}))
            .scalar("first", 0)
            .node("Gather", List.of("parts", "first"), "part", Map.of("axis", 1L))
            .node("Concat", List.of("part", "part"), "y", Map.of("axis", -1L));

    assertThat(prefixTokens(builder, "y")).isEqualTo(1);
  }
}
