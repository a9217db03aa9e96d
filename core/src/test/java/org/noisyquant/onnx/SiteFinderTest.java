package org.noisyquant.onnx;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.tuple;

import ai.onnx.proto.OnnxMl.GraphProto;
import ai.onnx.proto.OnnxMl.NodeProto;
import ai.onnx.proto.OnnxMl.TensorProto.DataType;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.noisyquant.graph.ActivationSite;
import org.noisyquant.graph.ActivationSite.Role;
import org.noisyquant.graph.LinearLayer;
import org.noisyquant.graph.ModelGraph;
import org.noisyquant.graph.ModelGraph.SkippedLayer;
import org.noisyquant.testing.GraphBuilder;

class SiteFinderTest {
  private static ModelGraph graph(GraphBuilder builder) {
    return OnnxModel.parse(builder.bytes(), "test").graph();
  }

  /** Tokens x [batch, 3, 16] for one more layer before the head. */
  private static GraphBuilder tokens() {
    return new GraphBuilder(17).tokens();
  }

  private static SkippedLayer onlySkipped(GraphBuilder builder) {
    ModelGraph graph = graph(builder);
    assertThat(graph.sites()).extracting(ActivationSite::name).containsExactly("head");
    assertThat(graph.skipped()).hasSize(1);
    return graph.skipped().get(0);
  }

  @Test
  void aResidualIsNoBias() {
    ModelGraph graph =
        graph(
            tokens()
                .random("w", 16, 16)
                .node("MatMul", List.of("x", "w"), "product")
                .node("Add", List.of("x", "product"), "y")
                .pooledHead("y"));

    assertThat(graph.sites().get(0).layers().get(0).hasBias()).isFalse();
  }

  @Test
  void aConstantAddBehindASharedProductIsNoBias() {
    ModelGraph graph =
        graph(
            tokens()
                .random("w", 16, 16)
                .random("b", 16)
                .node("MatMul", List.of("x", "w"), "product")
                .node("Add", List.of("product", "b"), "biased")
                .node("Mul", List.of("product", "biased"), "y")
                .pooledHead("y"));

    assertThat(graph.sites().get(0).layers().get(0).hasBias()).isFalse();
  }

  @Test
  void aPositionTableIsNoBias() {
    ModelGraph graph =
        graph(
            tokens()
                .random("w", 16, 16)
                .random("positions", 1, 3, 16)
                .node("MatMul", List.of("x", "w"), "product")
                .node("Add", List.of("product", "positions"), "y")
                .pooledHead("y"));

    assertThat(graph.sites().get(0).layers().get(0).hasBias()).isFalse();
  }

  @Test
  void aWeightThatTwoLayersUseIsReadByBoth() {
    ModelGraph graph =
        graph(
            tokens()
                .random("w", 16, 16)
                .node("MatMul", List.of("x", "w"), "y")
                .node("MatMul", List.of("y", "w"), "z")
                .pooledHead("z"));

    assertThat(graph.sites())
        .flatExtracting(ActivationSite::layers)
        .extracting(LinearLayer::name)
        .containsExactly("y", "z", "head");
  }

  @Test
  void layersOfTheSameNameAreToldApart() {
    ModelGraph graph =
        graph(
            tokens()
                .random("fc.weight", 16, 16)
                .node("MatMul", List.of("x", "fc.weight"), "y")
                .node("MatMul", List.of("y", "fc.weight"), "z")
                .pooledHead("z"));

    assertThat(graph.sites())
        .extracting(ActivationSite::name)
        .containsExactly("fc", "fc#2", "head");
  }

  @Test
  void aWeightOnTheLeftIsSkipped() {
    SkippedLayer skipped =
        onlySkipped(
            tokens().random("mix", 3, 3).node("MatMul", List.of("mix", "x"), "y").pooledHead("y"));

    assertThat(skipped.reason()).contains("left operand");
  }

  @Test
  void aBatchedWeightIsSkipped() {
    SkippedLayer skipped =
        onlySkipped(
            tokens().random("w", 1, 16, 16).node("MatMul", List.of("x", "w"), "y").pooledHead("y"));

    assertThat(skipped.reason()).contains("[1, 16, 16]");
  }

  @Test
  void aComputedWeightIsSkipped() {
    SkippedLayer skipped =
        onlySkipped(
            tokens()
                .random("raw", 16, 16)
                .floats("gain", new long[] {}, 2)
                .node("Mul", List.of("raw", "gain"), "w")
                .node("MatMul", List.of("x", "w"), "y")
                .pooledHead("y"));

    assertThat(skipped.reason()).contains("(Mul)");
  }

  @Test
  void aScaledGemmIsSkipped() {
    GraphBuilder builder =
        tokens()
            .integers("rows", -1, 16)
            .node("Reshape", List.of("x", "rows"), "flat")
            .random("w", 16, 16)
            .node("Gemm", List.of("flat", "w"), "y", Map.of("alpha", 0.5f))
            .node("Reshape", List.of("y", "token_shape3"), "z")
            .integers("token_shape3", -1, 3, 16)
            .pooledHead("z");

    assertThat(onlySkipped(builder).reason()).contains("alpha is 0.5");
  }

  @Test
  void aLayerOfConstantsIsNoActivation() {
    SkippedLayer skipped =
        onlySkipped(
            tokens()
                .random("table", 3, 16)
                .random("w", 16, 16)
                .node("MatMul", List.of("table", "w"), "offsets")
                .node("Add", List.of("x", "offsets"), "y")
                .pooledHead("y"));

    assertThat(skipped.reason()).contains("does not depend on the image");
  }

  @Test
  void aConvolutionBetweenBlocksIsSkipped() {
    ModelGraph graph =
        graph(
            new GraphBuilder(17)
                .image()
                .random("stem.weight", 16, 3, 4, 4)
                .node("Conv", List.of("pixel_values", "stem.weight"), "patches")
                .random("up.weight", 16, 16, 2, 2)
                .node("ConvTranspose", List.of("patches", "up.weight"), "wide")
                .integers("flat", 0, -1, 16)
                .node("Reshape", List.of("wide", "flat"), "x")
                .pooledHead("x"));

    assertThat(graph.skipped())
        .extracting(SkippedLayer::name, SkippedLayer::operator)
        .containsExactly(tuple("stem", "Conv"), tuple("up", "ConvTranspose"));
  }

  @Test
  void layersInsideControlFlowAreSkipped() {
    GraphProto branch =
        new GraphBuilder(17)
            .random("inner", 16, 16)
            .node("MatMul", List.of("x", "inner"), "branch_out")
            .output("branch_out", GraphBuilder.ANY, 3, 16)
            .graph()
            .build();
    GraphBuilder builder = tokens().integers("zero", 0);
    builder.node("Cast", List.of("zero"), "condition", Map.of("to", (long) DataType.BOOL_VALUE));
    builder.node(
        "If", List.of("condition"), "y", Map.of("then_branch", branch, "else_branch", branch));

    List<SkippedLayer> skipped = graph(builder.pooledHead("y")).skipped();

    assertThat(skipped).hasSize(2);
    assertThat(skipped.get(0).reason()).contains("control flow of If");
  }

  @Test
  void everyLayerBeforeAnOutputIsAHead() {
    GraphBuilder builder =
        tokens()
            .random("fc.weight", 16, 16)
            .node("MatMul", List.of("x", "fc.weight"), "y")
            .pooledHead("y")
            .random("distilled.weight", 16, 5)
            .node("MatMul", List.of("pooled", "distilled.weight"), "distilled")
            .output("distilled", GraphBuilder.ANY, 5);

    assertThat(graph(builder).sites())
        .extracting(ActivationSite::name, ActivationSite::role)
        .containsExactly(tuple("fc", Role.BLOCK), tuple("head+distilled", Role.HEAD));
  }

  @Test
  void hiddenStatesAsOutputDoNotMakeHeads() {
    GraphBuilder builder =
        tokens()
            .random("fc.weight", 16, 16)
            .node("MatMul", List.of("x", "fc.weight"), "y")
            .output("y", GraphBuilder.ANY, 3, 16)
            .pooledHead("y");

    assertThat(graph(builder).sites())
        .extracting(ActivationSite::role)
        .containsExactly(Role.BLOCK, Role.HEAD);
  }

  @Test
  void moduleListsAreNamedOnce() {
    assertThat(LayerNames.scope("/blocks/blocks.0/attn/qkv/MatMul")).isEqualTo("blocks.0.attn.qkv");
    assertThat(LayerNames.scope("/blocks.0/attn/qkv/MatMul")).isEqualTo("blocks.0.attn.qkv");
    assertThat(LayerNames.scope("MatMul_12")).isEmpty();
  }

  @Test
  void aLayerThatOnlyItsWeightNamesHasThatName() {
    NodeProto node = NodeProto.newBuilder().setName("node_7").setOpType("MatMul").build();

    assertThat(new LayerNames().of(node, "onnx::MatMul_7", "onnx::Add_8"))
        .isEqualTo("onnx::MatMul_7");
  }
}
