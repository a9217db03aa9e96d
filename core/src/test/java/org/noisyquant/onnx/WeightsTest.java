package org.noisyquant.onnx;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.noisyquant.graph.ActivationSite;
import org.noisyquant.graph.LinearLayer;
import org.noisyquant.testing.GraphBuilder;
import org.noisyquant.testing.TestData;

class WeightsTest {
  /** Weights 1 … 12 as [4, 3]. */
  private static final float[] W = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};

  private static final float[] W_TRANSPOSED = {1, 4, 7, 10, 2, 5, 8, 11, 3, 6, 9, 12};

  private static LinearLayer layer(OnnxModel model, String name) {
    return model.graph().sites().stream()
        .map(ActivationSite::layers)
        .flatMap(List::stream)
        .filter(layer -> layer.name().equals(name))
        .findFirst()
        .orElseThrow();
  }

  /** A pooled image [batch, 4] for one layer of shape [4, 3]. */
  private static GraphBuilder fourFeatures() {
    return new GraphBuilder(17)
        .image()
        .node(
            "ReduceMean",
            List.of("pixel_values"),
            "x",
            Map.of("axes", new long[] {1, 2}, "keepdims", 0L))
        .output("logits", GraphBuilder.ANY, 3);
  }

  private static LinearLayer only(OnnxModel model) {
    assertThat(model.graph().sites()).hasSize(1);
    return model.graph().sites().get(0).layers().get(0);
  }

  /** Two weights, their sum, and their sum weighted by index modulo 97, from numpy. */
  @ParameterizedTest
  @CsvSource({
    "fashion_vit, blocks.0.attn.qkv, 0.04761571, -0.10964858, 10.4536934961, 233.657337351",
    "fashion_vit_opset13, blocks.0.mlp.fc1, -0.08450264, 0.14363915, 1.12706642893, -456.020344041",
    "fashion_vit_split_qkv, blocks.0.attn.value, -0.0045476179, -0.0074929413, 1.11408463188,"
        + " -120.596865967",
    "fashion_vit, head, -0.12790082, 0.011564779, -1.23601924153, -87.2357782825",
    "fashion_swin, layers.0.mlp.fc1, 0.16657622, 0.10851608, 9.31703131381, 166.342477255",
    "fashion_swin, head, -0.17238267, 0.092635393, 2.13004048456, 200.838605153"
  })
  void weightsAreThoseNumpyReads(
      String model, String name, float w01, float w10, double sum, double weightedSum) {
    OnnxModel read = OnnxModel.read(TestData.fashion(model + ".onnx"));
    LinearLayer layer = layer(read, name);

    float[] weight = read.weight(layer);

    double total = 0;
    double weighted = 0;
    for (int i = 0; i < weight.length; i++) {
      total += weight[i];
      weighted += weight[i] * (double) (i % 97);
    }
    assertThat(weight).hasSize(layer.inputs() * layer.outputs());
    assertThat(weight[1]).isCloseTo(w01, within(1e-7f));
    assertThat(weight[layer.outputs()]).isCloseTo(w10, within(1e-7f));
    assertThat(total).isCloseTo(sum, within(1e-8));
    assertThat(weighted).isCloseTo(weightedSum, within(1e-6));
  }

  @Test
  void splitQueryKeyAndValueAreTheColumnsOfTheFusedWeight() {
    OnnxModel fused = OnnxModel.read(TestData.fashion("fashion_vit.onnx"));
    OnnxModel split = OnnxModel.read(TestData.fashion("fashion_vit_split_qkv.onnx"));
    float[] qkv = fused.weight(layer(fused, "blocks.3.attn.qkv"));
    float[] qkvBias = fused.bias(layer(fused, "blocks.3.attn.qkv"));
    List<String> parts = List.of("query", "key", "value");

    for (int part = 0; part < 3; part++) {
      LinearLayer layer = layer(split, "blocks.3.attn." + parts.get(part));
      float[] weight = split.weight(layer);
      for (int c = 0; c < 64; c++) {
        for (int o = 0; o < 64; o++) {
          assertThat(weight[c * 64 + o]).isEqualTo(qkv[c * 192 + part * 64 + o]);
        }
      }
      float[] bias = split.bias(layer);
      for (int o = 0; o < 64; o++) {
        assertThat(bias[o]).isEqualTo(qkvBias[part * 64 + o]);
      }
    }
  }

  @Test
  void aTransposedGemmWeightIsTurned() {
    OnnxModel model =
        OnnxModel.parse(
            fourFeatures()
                .floats("fc.weight", new long[] {3, 4}, W_TRANSPOSED)
                .floats("fc.bias", new long[] {1, 3}, 7, 8, 9)
                .node(
                    "Gemm",
                    List.of("x", "fc.weight", "fc.bias"),
                    "logits",
                    Map.of("transB", 1L, "alpha", 1f))
                .bytes(),
            "test");

    assertThat(model.weight(only(model))).containsExactly(W);
    assertThat(model.bias(only(model))).containsExactly(7, 8, 9);
  }

  @Test
  void weightsBehindTransposeIdentityAndCastAreRead() {
    OnnxModel model =
        OnnxModel.parse(
            fourFeatures()
                .floats("fc.weight", new long[] {3, 4}, W_TRANSPOSED)
                .node("Identity", List.of("fc.weight"), "copy")
                .node("Transpose", List.of("copy"), "turned", Map.of("perm", new long[] {1, 0}))
                .node("Cast", List.of("turned"), "cast", Map.of("to", 1L))
                .node("MatMul", List.of("x", "cast"), "logits")
                .bytes(),
            "test");

    assertThat(only(model).name()).isEqualTo("fc");
    assertThat(model.weight(only(model))).containsExactly(W);
    assertThat(model.bias(only(model))).containsExactly(0, 0, 0);
  }

  @Test
  void aBiasMayStandOnEitherSideAndHaveLeadingOnes() {
    OnnxModel model =
        OnnxModel.parse(
            fourFeatures()
                .floats("w", new long[] {4, 3}, W)
                .floats("fc.bias", new long[] {1, 3}, 7, 8, 9)
                .node("MatMul", List.of("x", "w"), "product")
                .node("Add", List.of("fc.bias", "product"), "logits")
                .bytes(),
            "test");

    assertThat(only(model).name()).isEqualTo("fc");
    assertThat(model.bias(only(model))).containsExactly(7, 8, 9);
    assertThat(model.nodes(only(model)).biasAdd()).hasValue(2);
    assertThat(model.nodes(only(model)).biasShape()).containsExactly(1, 3);
    assertThat(model.nodes(only(model)).output()).isEqualTo("logits");
  }

  @Test
  void aScalarGemmBiasCountsForAllOutputs() {
    OnnxModel model =
        OnnxModel.parse(
            fourFeatures()
                .floats("w", new long[] {4, 3}, W)
                .floats("b", new long[] {1}, 7)
                .node("Gemm", List.of("x", "w", "b"), "logits")
                .bytes(),
            "test");

    assertThat(model.bias(only(model))).containsExactly(7, 7, 7);
  }

  @Test
  void anotherModelsLayerIsRefused() {
    OnnxModel vit = OnnxModel.read(TestData.fashion("fashion_vit.onnx"));
    OnnxModel swin = OnnxModel.read(TestData.fashion("fashion_swin.onnx"));
    LinearLayer foreign = swin.graph().sites().get(0).layers().get(0);

    assertThatThrownBy(() -> vit.weight(foreign))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("layers.0.attn.qkv");
  }
}
