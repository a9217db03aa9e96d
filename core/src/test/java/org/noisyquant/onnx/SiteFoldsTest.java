package org.noisyquant.onnx;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.onnx.proto.OnnxMl.TensorProto.DataType;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.noisyquant.graph.ActivationSite;
import org.noisyquant.graph.NoiseFold;
import org.noisyquant.graph.NoiseFold.IntoLayerNorm;
import org.noisyquant.graph.NoiseFold.IntoValueBias;
import org.noisyquant.graph.NoiseFold.None;
import org.noisyquant.runtime.FoldProbe;
import org.noisyquant.testing.AttentionGraph;
import org.noisyquant.testing.GraphBuilder;

/** What may stand between a norm or the values of an attention and the layer that reads them. */
class SiteFoldsTest {
  private static final long ANY = GraphBuilder.ANY;

  private static NoiseFold fold(GraphBuilder builder, String site) {
    OnnxModel model = OnnxModel.parse(builder.bytes(), "test");
    return FoldProbe.folds(model).fold(site(model, site));
  }

  private static ActivationSite site(OnnxModel model, String name) {
    return model.graph().sites().stream()
        .filter(site -> site.name().equals(name))
        .findFirst()
        .orElseThrow();
  }

  /** Tokens x and their norm [batch, 3, 16]. */
  private static GraphBuilder norm() {
    return new GraphBuilder(17)
        .tokens()
        .random("norm.weight", 16)
        .random("norm.bias", 16)
        .node("LayerNormalization", List.of("x", "norm.weight", "norm.bias"), "norm");
  }

  /** A layer {@code fc} of 16 to 16 channels. */
  private static GraphBuilder layer(GraphBuilder builder, String input, String output) {
    return builder.random("fc.weight", 16, 16).node("MatMul", List.of(input, "fc.weight"), output);
  }

  private static GraphBuilder normAndLayer() {
    return layer(norm(), "norm", "y");
  }

  private static None none(NoiseFold fold) {
    assertThat(fold).isInstanceOf(None.class);
    return (None) fold;
  }

  @Test
  void aNormThatFeedsOneSiteTakesItsNoise() {
    NoiseFold fold = fold(normAndLayer().pooledHead("y"), "fc");

    assertThat(fold).isEqualTo(new IntoLayerNorm("norm", 1, 1));
  }

  @Test
  void severalLayersOfOneSiteAreNoHindrance() {
    GraphBuilder builder =
        normAndLayer()
            .random("other.weight", 16, 16)
            .node("MatMul", List.of("norm", "other.weight"), "z")
            .node("Add", List.of("y", "z"), "sum")
            .pooledHead("sum");

    assertThat(fold(builder, "fc+other")).isInstanceOf(IntoLayerNorm.class);
  }

  @Test
  void aResidualKeepsTheNormAsItIs() {
    GraphBuilder builder =
        normAndLayer().node("Add", List.of("norm", "y"), "residual").pooledHead("residual");

    assertThat(none(fold(builder, "fc")).reason())
        .isEqualTo("its norm norm is also read by Add (/residual/Add)");
  }

  @Test
  void twoSitesDoNotFoldIntoOneNorm() {
    GraphBuilder builder =
        normAndLayer()
            .integers("flat_shape", -1, 16)
            .node("Reshape", List.of("norm", "flat_shape"), "flat")
            .random("other.weight", 16, 16)
            .node("MatMul", List.of("flat", "other.weight"), "z")
            .integers("shape", -1, 3, 16)
            .node("Reshape", List.of("z", "shape"), "z3")
            .node("Add", List.of("y", "z3"), "sum")
            .pooledHead("sum");

    assertThat(none(fold(builder, "fc")).reason())
        .isEqualTo("its norm norm also feeds the site other");
    assertThat(none(fold(builder, "other")).reason())
        .isEqualTo("its norm norm also feeds the site fc");
  }

  @Test
  void zerosThatArePaddedBehindTheNormForbidIt() {
    GraphBuilder builder =
        layer(
                norm()
                    .integers("pads", 0, 0, 0, 0, 1, 0)
                    .node("Pad", List.of("norm", "pads"), "padded"),
                "padded",
                "y")
            .pooledHead("y");

    assertThat(none(fold(builder, "fc")).reason())
        .isEqualTo("fed by Pad, whose zeros must stay zero");
  }

  @Test
  void aNormThatIsAnOutputOfTheModelStays() {
    GraphBuilder builder = normAndLayer().pooledHead("y").output("norm", ANY, 3, 16);

    assertThat(none(fold(builder, "fc")).reason())
        .isEqualTo("its norm norm is an output of the model");
  }

  @Test
  void readersOfTheShapeAreNoHindrance() {
    GraphBuilder builder =
        normAndLayer()
            .node("Shape", List.of("norm"), "shape")
            .node("Reshape", List.of("y", "shape"), "z")
            .pooledHead("z");

    assertThat(fold(builder, "fc")).isInstanceOf(IntoLayerNorm.class);
  }

  @Test
  void rollsWindowsAndTokenSelectionAreFollowed() {
    GraphBuilder builder =
        layer(
                norm()
                    .integers("zero", 0)
                    .integers("one", 1)
                    .integers("three", 3)
                    .node("Slice", List.of("norm", "one", "three", "one"), "rest")
                    .node("Slice", List.of("norm", "zero", "one", "one"), "first")
                    .node("Concat", List.of("rest", "first"), "rolled", Map.of("axis", 1L))
                    .integers("windows", -1, 1, 16)
                    .node("Reshape", List.of("rolled", "windows"), "parts"),
                "parts",
                "y")
            .pooledHead("y");

    assertThat(fold(builder, "fc")).isInstanceOf(IntoLayerNorm.class);
  }

  @Test
  void aPooledNormTakesTheNoiseOfTheHead() {
    assertThat(fold(norm().pooledHead("norm"), "head")).isInstanceOf(IntoLayerNorm.class);
  }

  @Test
  void aNormPooledBehindATransposeTakesTheNoiseOfTheHead() {
    GraphBuilder builder =
        norm()
            .node("Transpose", List.of("norm"), "channels", Map.of("perm", new long[] {0, 2, 1}))
            .node("GlobalAveragePool", List.of("channels"), "means")
            .node("Flatten", List.of("means"), "pooled")
            .random("head.weight", 16, 5)
            .random("head.bias", 5)
            .node("Gemm", List.of("pooled", "head.weight", "head.bias"), "logits")
            .output("logits", GraphBuilder.ANY, 5);

    assertThat(fold(builder, "head")).isInstanceOf(IntoLayerNorm.class);
  }

  @Test
  void channelsThatAreRolledForbidIt() {
    GraphBuilder builder =
        layer(
                norm()
                    .integers("two", 2)
                    .integers("zero", 0)
                    .integers("one", 1)
                    .integers("sixteen", 16)
                    .node("Slice", List.of("norm", "one", "sixteen", "two"), "rest")
                    .node("Slice", List.of("norm", "zero", "one", "two"), "first")
                    .node("Concat", List.of("rest", "first"), "rolled", Map.of("axis", 2L)),
                "rolled",
                "y")
            .pooledHead("y");

    assertThat(none(fold(builder, "fc")).reason())
        .isEqualTo("the channels of its norm norm are moved on the way");
  }

  @Test
  void tokensThatBecomeChannelsForbidIt() {
    GraphBuilder builder =
        norm()
            .integers("merged", -1, 1, 48)
            .node("Reshape", List.of("norm", "merged"), "wide")
            .random("fc.weight", 48, 16)
            .node("MatMul", List.of("wide", "fc.weight"), "y")
            .pooledHead("y");

    assertThat(none(fold(builder, "fc")).reason())
        .isEqualTo("the channels of its norm norm are moved on the way");
  }

  @Test
  void aConstantThatIsJoinedToTheNormForbidsIt() {
    GraphBuilder builder =
        layer(
                norm()
                    .random("token", 1, 1, 16)
                    .node("Concat", List.of("norm", "token"), "joined", Map.of("axis", 1L)),
                "joined",
                "y")
            .pooledHead("y");

    assertThat(none(fold(builder, "fc")).reason()).contains("is also read by Concat");
  }

  @Test
  void aNormWithoutShiftGetsOne() {
    GraphBuilder builder =
        layer(
                new GraphBuilder(17)
                    .tokens()
                    .random("norm.weight", 16)
                    .node("LayerNormalization", List.of("x", "norm.weight"), "norm"),
                "norm",
                "y")
            .pooledHead("y");

    assertThat(fold(builder, "fc")).isInstanceOf(IntoLayerNorm.class);
  }

  @Test
  void aNormWhoseScaleIsComputedForbidsIt() {
    GraphBuilder builder =
        layer(
                new GraphBuilder(17)
                    .tokens()
                    .node(
                        "ReduceMean",
                        List.of("x"),
                        "scale",
                        Map.of("axes", new long[] {0, 1}, "keepdims", 0L))
                    .node("LayerNormalization", List.of("x", "scale"), "norm"),
                "norm",
                "y")
            .pooledHead("y");

    assertThat(none(fold(builder, "fc")).reason())
        .isEqualTo("its norm has no constant scale and shift, one for each channel");
  }

  @Test
  void theScaleAndShiftOfADecomposedNormTakeIt() {
    GraphBuilder builder =
        layer(
                new GraphBuilder(13)
                    .tokens()
                    .node("ReduceMean", List.of("x"), "mean", Map.of("axes", new long[] {-1}))
                    .node("Sub", List.of("x", "mean"), "centred")
                    .random("norm.weight", 16)
                    .random("norm.bias", 16)
                    .node("Mul", List.of("norm.weight", "centred"), "scaled")
                    .node("Add", List.of("norm.bias", "scaled"), "norm"),
                "norm",
                "y")
            .pooledHead("y");

    assertThat(fold(builder, "fc")).isEqualTo(new IntoLayerNorm("norm", 3, 4));
  }

  @Test
  void aDecomposedNormWhoseProductIsReadTwiceForbidsIt() {
    GraphBuilder builder =
        layer(
                new GraphBuilder(13)
                    .tokens()
                    .random("norm.weight", 16)
                    .random("norm.bias", 16)
                    .node("Mul", List.of("x", "norm.weight"), "scaled")
                    .node("Add", List.of("scaled", "norm.bias"), "norm"),
                "norm",
                "y")
            .node("Add", List.of("y", "scaled"), "sum")
            .pooledHead("sum");

    assertThat(none(fold(builder, "fc")).reason()).isEqualTo("fed by Add (/norm/Add)");
  }

  @Test
  void anActivationFunctionForbidsIt() {
    GraphBuilder builder =
        layer(norm().node("Relu", List.of("norm"), "relu"), "relu", "y").pooledHead("y");

    assertThat(none(fold(builder, "fc")).reason()).isEqualTo("fed by Relu (/relu/Relu)");
  }

  @Test
  void valuesOfTheSecondHeadComeAfterThoseOfTheFirst() {
    NoiseFold fold = fold(new AttentionGraph().build().pooledHead("y"), "proj");

    assertThat(fold).isInstanceOf(IntoValueBias.class);
    IntoValueBias values = (IntoValueBias) fold;
    assertThat(values.producer().name()).isEqualTo("qkv");
    assertThat(values.outputOfChannel()).isEqualTo(IntStream.range(32, 48).toArray());
  }

  /** ONNX Runtime does not have every operator of every opset: the probe may use none of those. */
  @ParameterizedTest
  @ValueSource(longs = {13, 15, 18, 20, 21, 22, 23})
  void attentionIsProbedInEveryOpset(long opset) {
    NoiseFold fold = fold(new AttentionGraph(opset).build().pooledHead("y"), "proj");

    assertThat(((IntoValueBias) fold).outputOfChannel())
        .isEqualTo(IntStream.range(32, 48).toArray());
  }

  @Test
  void aGuardAgainstNaNIsNoHindrance() {
    NoiseFold fold = fold(new AttentionGraph().guarded().build().pooledHead("y"), "proj");

    assertThat(((IntoValueBias) fold).outputOfChannel())
        .isEqualTo(IntStream.range(32, 48).toArray());
  }

  @Test
  void valuesThatAnAttentionNodeAveragesTakeIt() {
    NoiseFold fold = fold(new AttentionGraph(23).fused().build().pooledHead("y"), "proj");

    assertThat(((IntoValueBias) fold).producer().name()).isEqualTo("qkv");
    assertThat(((IntoValueBias) fold).outputOfChannel())
        .isEqualTo(IntStream.range(32, 48).toArray());
  }

  @Test
  void valuesThatAreKeysOfAnAttentionNodeTooForbidIt() {
    GraphBuilder builder = new AttentionGraph(23).fused().build().pooledHead("y");
    builder
        .graph()
        .getNodeBuilderList()
        .forEach(
            node -> {
              if (node.getOpType().equals("Attention")) {
                node.setInput(1, "values");
              }
            });

    assertThat(none(fold(builder, "proj")).reason())
        .isEqualTo("a tensor with values of qkv is also read by Attention (/heads/Attention)");
  }

  @Test
  void channelsInAnotherOrderAreFoundOut() {
    // 8 columns of 2 heads are joined as they lie: head and column swapped in the channel number.
    GraphBuilder builder = new AttentionGraph().build().pooledHead("y");
    builder
        .graph()
        .getNodeBuilderList()
        .forEach(
            node -> {
              if (node.getOutput(0).equals("turned")) {
                node.getAttributeBuilder(0).setInts(2, 3).setInts(3, 1);
              }
            });

    IntoValueBias values = (IntoValueBias) fold(builder, "proj");

    int[] expected = IntStream.range(0, 16).map(c -> 32 + (c % 2) * 8 + c / 2).toArray();
    assertThat(values.outputOfChannel()).isEqualTo(expected);
  }

  @Test
  void valuesThatAResidualReadsTooForbidIt() {
    GraphBuilder builder =
        new AttentionGraph()
            .build()
            .node("Transpose", List.of("values"), "again", Map.of("perm", new long[] {0, 2, 1, 3}))
            .integers("again_shape", 0, 3, 16)
            .node("Reshape", List.of("again", "again_shape"), "flat")
            .node("Add", List.of("y", "flat"), "sum")
            .pooledHead("sum");

    assertThat(none(fold(builder, "proj")).reason())
        .isEqualTo("a tensor with values of qkv is also read by Add (/sum/Add)");
  }

  @Test
  void valuesThatAreKeysTooForbidIt() {
    GraphBuilder builder = new AttentionGraph().build().pooledHead("y");
    builder
        .graph()
        .getNodeBuilderList()
        .forEach(
            node -> {
              if (node.getOutput(0).equals("values")) {
                node.setInput(0, "part_1");
              }
            });

    assertThat(none(fold(builder, "proj")).reason())
        .isEqualTo("a tensor with values of qkv is also read by MatMul (/scores/MatMul)");
  }

  @Test
  void valuesThatAllHeadsShareForbidIt() {
    GraphBuilder builder = new AttentionGraph().oneHeadOfValues().build().pooledHead("y");

    assertThat(none(fold(builder, "proj")).reason())
        .isEqualTo("its channels are not those of the values of qkv, one by one");
  }

  @Test
  void aMeanOfHeadsForbidsIt() {
    GraphBuilder builder = new AttentionGraph().meanOfHeads().build().pooledHead("y");

    assertThat(none(fold(builder, "proj")).reason())
        .isEqualTo("its channels are not those of the values of qkv, one by one");
  }

  @Test
  void aSoftmaxWhoseRowsDoNotSumToOneForbidsIt() {
    GraphBuilder builder = new AttentionGraph().softmaxAxis(-2).build().pooledHead("y");

    assertThat(none(fold(builder, "proj")).reason())
        .isEqualTo("its channels are not those of the values of qkv, one by one");
  }

  @Test
  void aModelOfOneFixedImageIsProbedAsItIs() {
    GraphBuilder builder = normAndLayer().pooledHead("y");
    builder.graph().removeInput(0);
    builder.input("pixel_values", DataType.FLOAT, 1, 3, 4, 4);

    assertThat(fold(builder, "fc")).isInstanceOf(IntoLayerNorm.class);
  }

  @Test
  void anInitializerThatOldModelsListAsInputIsNoInputOfTheProbe() {
    GraphBuilder builder = normAndLayer().pooledHead("y").input("norm.bias", DataType.FLOAT, 16);

    assertThat(fold(builder, "fc")).isInstanceOf(IntoLayerNorm.class);
  }

  @Test
  void switchedOffNothingFolds() {
    OnnxModel model = OnnxModel.parse(normAndLayer().pooledHead("y").bytes(), "test");

    assertThat(none(SiteFolds.off(model).fold(site(model, "fc"))).reason())
        .isEqualTo("folding is switched off");
  }

  @Test
  void aSiteOfAnotherModelIsRefused() {
    OnnxModel model = OnnxModel.parse(normAndLayer().pooledHead("y").bytes(), "test");
    OnnxModel other = OnnxModel.parse(norm().pooledHead("norm").bytes(), "test");

    assertThatThrownBy(() -> FoldProbe.folds(model).fold(other.graph().sites().get(0)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("no site of this model");
  }
}
