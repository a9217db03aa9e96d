package org.noisyquant.export;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.onnx.proto.OnnxMl.ModelProto;
import ai.onnx.proto.OnnxMl.NodeProto;
import ai.onnx.proto.OnnxMl.StringStringEntryProto;
import ai.onnx.proto.OnnxMl.TensorProto;
import ai.onnx.proto.OnnxMl.TensorProto.DataType;
import ai.onnx.proto.OnnxMl.ValueInfoProto;
import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.noisyquant.error.NoisyQuantException;
import org.noisyquant.graph.ActivationSite;
import org.noisyquant.graph.LinearLayer;
import org.noisyquant.onnx.OnnxModel;
import org.noisyquant.testing.GraphBuilder;
import org.noisyquant.testing.OrtRun;

/**
 * Small graphs with one property each; steps and codes are powers of two, so that sums are exact.
 */
class QuantizedModelWriterTest {
  private static final long ANY = GraphBuilder.ANY;

  /** Image means x [batch, 3] and logits [batch, 2]. */
  private static GraphBuilder threeFeatures() {
    return new GraphBuilder(17)
        .image()
        .node(
            "ReduceMean",
            List.of("pixel_values"),
            "x",
            Map.of("axes", new long[] {2, 3}, "keepdims", 0L))
        .output("logits", ANY, 2);
  }

  private static OnnxModel model(GraphBuilder builder) {
    return OnnxModel.parse(builder.bytes(), "test");
  }

  /** Codes 1 … 6 as [3, 2], scales ½ and ¼, at 8 bits, for every layer of the site. */
  private static SiteQuantization quantization(
      OnnxModel model, String site, int bits, float step, float[] noise, float... bias) {
    ActivationSite found =
        model.graph().sites().stream().filter(s -> s.name().equals(site)).findFirst().orElseThrow();
    List<LayerWeights> weights =
        found.layers().stream()
            .map(
                layer ->
                    new LayerWeights(
                        layer, 8, new byte[] {1, 2, 3, 4, 5, 6}, new float[] {0.5f, 0.25f}, bias))
            .toList();
    return new SiteQuantization(found, bits, step, noise, weights);
  }

  private static byte[] write(OnnxModel model, SiteQuantization... sites) {
    return QuantizedModelWriter.write(model, List.of(sites), Map.of()).bytes();
  }

  /** Logits for an image whose three colours have these constant values. */
  private static float[] logits(byte[] exported, float... colours) {
    float[] pixels = new float[48];
    for (int c = 0; c < 3; c++) {
      Arrays.fill(pixels, 16 * c, 16 * (c + 1), colours[c]);
    }
    return OrtRun.plain(exported, pixels, 1, 3, 4, 4).floats("logits");
  }

  private static ModelProto parsed(byte[] exported) throws IOException {
    return ModelProto.parseFrom(exported);
  }

  private static GraphBuilder gemm() {
    return threeFeatures()
        .random("fc.weight", 2, 3)
        .random("fc.bias", 2)
        .node("Gemm", List.of("x", "fc.weight", "fc.bias"), "logits", Map.of("transB", 1L));
  }

  private static GraphBuilder matMulWithoutBias() {
    return threeFeatures()
        .random("fc.weight", 3, 2)
        .node("MatMul", List.of("x", "fc.weight"), "logits");
  }

  @Test
  void aGemmAddsItsBiasBehindIt() throws IOException {
    OnnxModel model = model(gemm());

    byte[] exported = write(model, quantization(model, "fc", 8, 0.5f, null, 10, 20));

    // Codes (2, −4, 1): 2·1 − 4·3 + 1·5 = −5 and 2·2 − 4·4 + 1·6 = −6, times ½·½ and ½·¼.
    assertThat(logits(exported, 1, -2, 0.5f)).containsExactly(10 - 1.25f, 20 - 0.75f);
    assertThat(parsed(exported).getGraph().getNodeList())
        .extracting(NodeProto::getOpType)
        .containsExactly(
            "ReduceMean", "QuantizeLinear", "DequantizeLinear", "DequantizeLinear", "Gemm", "Add");
  }

  @Test
  void aBiasIsAddedWhereThereWasNone() {
    OnnxModel model = model(matMulWithoutBias());

    byte[] exported = write(model, quantization(model, "fc", 8, 0.5f, null, 10, 20));

    assertThat(logits(exported, 1, -2, 0.5f)).containsExactly(10 - 1.25f, 20 - 0.75f);
  }

  @Test
  void aLayerWithoutBiasStaysWithoutOneThatIsZero() throws IOException {
    OnnxModel model = model(matMulWithoutBias());

    byte[] exported = write(model, quantization(model, "fc", 8, 0.5f, null, 0, 0));

    assertThat(logits(exported, 1, -2, 0.5f)).containsExactly(-1.25f, -0.75f);
    assertThat(parsed(exported).getGraph().getNodeList())
        .extracting(NodeProto::getOpType)
        .doesNotContain("Add");
  }

  @Test
  void noiseMovesTheActivationBeforeItIsRounded() {
    OnnxModel model = model(matMulWithoutBias());
    float[] noise = {0.25f, 0, 0};

    byte[] exported = write(model, quantization(model, "fc", 8, 1, noise, 0, 0));

    // 0.375 rounds to 0, 0.375 + 0.25 to 1: the first row of the weight.
    assertThat(logits(exported, 0.375f, 0, 0)).containsExactly(0.5f, 0.5f);
  }

  @Test
  void fewBitsClipAtTheirOwnRange() {
    OnnxModel model = model(matMulWithoutBias());

    byte[] exported = write(model, quantization(model, "fc", 3, 0.5f, null, 0, 0));

    // 3 bits: codes −4 … 3. (100, −100, 0.5) become (3, −4, 1).
    assertThat(logits(exported, 100, -100, 0.5f))
        .containsExactly((3 - 12 + 5) * 0.25f, (6 - 16 + 6) * 0.125f);
  }

  @Test
  void halvesRoundToEven() {
    OnnxModel model = model(matMulWithoutBias());

    byte[] exported = write(model, quantization(model, "fc", 8, 1, null, 0, 0));

    // (0.5, 1.5, −2.5) become (0, 2, −2).
    assertThat(logits(exported, 0.5f, 1.5f, -2.5f))
        .containsExactly((6 - 10) * 0.5f, (8 - 12) * 0.25f);
  }

  @Test
  void layersOfOneSiteShareNoiseClipAndStep() throws IOException {
    OnnxModel model =
        model(
            threeFeatures()
                .random("query.weight", 3, 2)
                .random("key.weight", 3, 2)
                .node("MatMul", List.of("x", "query.weight"), "q")
                .node("MatMul", List.of("x", "key.weight"), "k")
                .node("Add", List.of("q", "k"), "logits"));

    byte[] exported = write(model, quantization(model, "query+key", 4, 0.5f, new float[3], 10, 20));

    assertThat(logits(exported, 1, -2, 0.5f)).containsExactly(20 - 2.5f, 40 - 1.5f);
    List<NodeProto> nodes = parsed(exported).getGraph().getNodeList();
    assertThat(nodes)
        .filteredOn(node -> node.getOpType().equals("QuantizeLinear"))
        .extracting(node -> node.getInputList().subList(0, 2))
        .containsExactly(
            List.of("noisyquant.query+key.clipped", "noisyquant.query+key.step"),
            List.of("noisyquant.query+key.clipped", "noisyquant.query+key.step"));
    assertThat(nodes).filteredOn(node -> node.getOpType().equals("Clip")).hasSize(1);
  }

  @Test
  void otherReadersOfTheActivationKeepTheFloatTensor() throws IOException {
    OnnxModel model =
        model(
            new GraphBuilder(17)
                .tokens()
                .random("fc.weight", 16, 16)
                .node("MatMul", List.of("x", "fc.weight"), "product")
                .node("Add", List.of("x", "product"), "residual")
                .pooledHead("residual"));
    ActivationSite site = model.graph().sites().get(0);
    LinearLayer layer = site.layers().get(0);
    float[] scales = new float[16];
    Arrays.fill(scales, 1);

    byte[] exported =
        write(
            model,
            new SiteQuantization(
                site,
                8,
                1,
                null,
                List.of(new LayerWeights(layer, 8, new byte[256], scales, new float[16]))));

    assertThat(parsed(exported).getGraph().getNodeList())
        .filteredOn(node -> node.getOutput(0).equals("residual"))
        .singleElement()
        .extracting(NodeProto::getInputList)
        .isEqualTo(List.of("x", "product"));
  }

  @Test
  void aBiasThatAnotherNodeReadsStaysForThatNode() {
    OnnxModel model =
        model(
            threeFeatures()
                .random("fc.weight", 3, 2)
                .floats("fc.bias", new long[] {2}, 3, 5)
                .node("MatMul", List.of("x", "fc.weight"), "product")
                .node("Add", List.of("fc.bias", "product"), "y")
                .node("Mul", List.of("y", "fc.bias"), "logits"));

    byte[] exported = write(model, quantization(model, "fc", 8, 0.5f, null, 10, 20));

    assertThat(logits(exported, 1, -2, 0.5f)).containsExactly(3 * 8.75f, 5 * 19.25f);
  }

  @Test
  void aWeightThatTwoLayersReadStaysForTheOneThatIsNotQuantized() throws IOException {
    OnnxModel model =
        model(
            threeFeatures()
                .random("square", 3, 3)
                .node("MatMul", List.of("x", "square"), "first")
                .node("MatMul", List.of("first", "square"), "second")
                .random("fc.weight", 3, 2)
                .node("MatMul", List.of("second", "fc.weight"), "logits"));
    ActivationSite first = model.graph().sites().get(0);
    SiteQuantization site =
        new SiteQuantization(
            first,
            8,
            1,
            null,
            List.of(
                new LayerWeights(
                    first.layers().get(0), 8, new byte[9], new float[] {1, 1, 1}, new float[3])));

    assertThat(parsed(write(model, site)).getGraph().getInitializerList())
        .extracting(TensorProto::getName)
        .contains("square");
  }

  @Test
  void replacedWeightsAndWhatMadeThemAreLeftOut() throws IOException {
    OnnxModel model =
        model(
            threeFeatures()
                .random("fc.weight", 2, 3)
                .node("Identity", List.of("fc.weight"), "copy")
                .node("Transpose", List.of("copy"), "turned", Map.of("perm", new long[] {1, 0}))
                .node("MatMul", List.of("x", "turned"), "logits"));

    ModelProto exported = parsed(write(model, quantization(model, "fc", 8, 1, null, 0, 0)));

    assertThat(exported.getGraph().getNodeList())
        .extracting(NodeProto::getOpType)
        .doesNotContain("Identity", "Transpose");
    assertThat(exported.getGraph().getInitializerList())
        .extracting(TensorProto::getName)
        .allMatch(name -> name.startsWith("noisyquant.fc."));
  }

  @Test
  void anInitializerThatOldModelsListAsInputGoesFromBothPlaces() throws IOException {
    OnnxModel model = model(matMulWithoutBias().input("fc.weight", DataType.FLOAT, 3, 2));

    ModelProto exported = parsed(write(model, quantization(model, "fc", 8, 1, null, 0, 0)));

    assertThat(exported.getGraph().getInputList())
        .extracting(ValueInfoProto::getName)
        .containsExactly("pixel_values");
  }

  @Test
  void theModelsFaceStaysAndProvenanceIsAdded() throws IOException {
    GraphBuilder builder = gemm();
    builder.model().setProducerName("pytorch").setProducerVersion("2.4");
    builder
        .model()
        .addMetadataProps(entry("author", "someone"))
        .addMetadataProps(entry("a", "old"));
    OnnxModel model = model(builder);

    ModelProto exported =
        parsed(
            QuantizedModelWriter.write(
                    model,
                    List.of(quantization(model, "fc", 6, 1, null, 0, 0)),
                    Map.of("a", "new", "noisyquant.seed", "7"))
                .bytes());

    assertThat(exported.getGraph().getInputList())
        .isEqualTo(model.proto().getGraph().getInputList());
    assertThat(exported.getGraph().getOutputList())
        .isEqualTo(model.proto().getGraph().getOutputList());
    assertThat(exported.getOpsetImportList()).isEqualTo(model.proto().getOpsetImportList());
    assertThat(exported.getIrVersion()).isEqualTo(model.proto().getIrVersion());
    assertThat(exported.getProducerName()).isEqualTo("noisyquant");
    assertThat(exported.getMetadataPropsList())
        .containsExactly(
            entry("author", "someone"),
            entry("a", "new"),
            entry("noisyquant.seed", "7"),
            entry("noisyquant.source.producer", "pytorch 2.4"),
            entry("noisyquant.source.sha256", model.sha256()));
  }

  private static StringStringEntryProto entry(String key, String value) {
    return StringStringEntryProto.newBuilder().setKey(key).setValue(value).build();
  }

  @Test
  void noSitesLeaveTheGraphAlone() throws IOException {
    OnnxModel model = model(gemm());

    assertThat(parsed(write(model)).getGraph()).isEqualTo(model.proto().getGraph());
  }

  @Test
  void aNameThatTheModelUsesAlreadyIsRefused() {
    OnnxModel model =
        model(
            matMulWithoutBias()
                .random("noisyquant.fc.step", 1)
                .node("Identity", List.of("noisyquant.fc.step"), "unrelated"));
    SiteQuantization site = quantization(model, "fc", 8, 1, null, 0, 0);

    assertThatThrownBy(() -> write(model, site))
        .isInstanceOf(NoisyQuantException.class)
        .hasMessageContaining("noisyquant.fc.step");
  }

  @Test
  void aSiteThatIsGivenTwiceIsRefused() {
    OnnxModel model = model(gemm());
    SiteQuantization site = quantization(model, "fc", 8, 1, null, 0, 0);

    assertThatThrownBy(() -> write(model, site, site))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("fc is given twice");
  }

  @Test
  void aSiteOfAnotherModelIsRefused() {
    OnnxModel model = model(gemm());
    OnnxModel other = model(matMulWithoutBias());

    assertThatThrownBy(() -> write(model, quantization(other, "fc", 8, 1, null, 0, 0)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("no site of this model");
  }

  @Test
  void bitsOutOfRangeAreRefused() {
    OnnxModel model = model(gemm());

    assertThatThrownBy(() -> quantization(model, "fc", 9, 1, null, 0, 0))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("9 activation bits");
  }

  @Test
  void aStepOfZeroIsRefused() {
    OnnxModel model = model(gemm());

    assertThatThrownBy(() -> quantization(model, "fc", 8, 0, null, 0, 0))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("step 0.0");
  }

  @Test
  void noiseOfTheWrongLengthIsRefused() {
    OnnxModel model = model(gemm());

    assertThatThrownBy(() -> quantization(model, "fc", 8, 1, new float[2], 0, 0))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("2 of 3 channels");
  }

  @Test
  void aCodeBeyondTheWeightBitsIsRefused() {
    LinearLayer layer = model(gemm()).graph().sites().get(0).layers().get(0);

    assertThatThrownBy(
            () ->
                new LayerWeights(
                    layer,
                    4,
                    new byte[] {0, 0, 0, 8, 0, 0},
                    new float[] {1, 1},
                    new float[] {0, 0}))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("code 8 at 4 bits");
  }

  @Test
  void aBiasOfMoreThanOneAxisKeepsItsShape() {
    OnnxModel model =
        model(
            threeFeatures()
                .random("fc.weight", 3, 2)
                .floats("fc.bias", new long[] {1, 2}, 3, 5)
                .node("MatMul", List.of("x", "fc.weight"), "product")
                .node("Add", List.of("product", "fc.bias"), "logits"));

    byte[] exported = write(model, quantization(model, "fc", 8, 0.5f, null, 10, 20));

    assertThat(logits(exported, 1, -2, 0.5f))
        .containsExactly(new float[] {8.75f, 19.25f}, within(0f));
  }
}
