package org.noisyquant.export;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.noisyquant.graph.ActivationSite;
import org.noisyquant.graph.NoiseFold;
import org.noisyquant.onnx.ActivationTaps;
import org.noisyquant.onnx.OnnxModel;
import org.noisyquant.onnx.SiteFolds;
import org.noisyquant.runtime.FoldProbe;
import org.noisyquant.testing.AttentionGraph;
import org.noisyquant.testing.GraphBuilder;
import org.noisyquant.testing.Npy;
import org.noisyquant.testing.OrtRun;
import org.noisyquant.testing.TestData;

/** Random noise and rescales at every site that folds leave the FP32 model the function it is. */
class FloatFoldTest {
  private static final int BITS = 6;
  private static final int STEPS = 8;
  private static final double EXPONENT = 2;

  @ParameterizedTest
  @CsvSource({
    "fashion_vit, fashion_vit, 19",
    "fashion_vit_opset13, fashion_vit, 19",
    "fashion_vit_split_qkv, fashion_vit, 19",
    "fashion_swin, fashion_swin, 14"
  })
  void theLogitsStay(String name, String images, int foldable) {
    OnnxModel model = OnnxModel.read(TestData.fashion(name + ".onnx"));
    int size = model.graph().height();
    float[] pixels = Npy.read(TestData.fashion(images + "_golden_pixel_values.npy")).floats();

    assertTheLogitsStay(model, Arrays.copyOf(pixels, 2 * 3 * size * size), 2, foldable);
  }

  @Test
  void theLogitsOfDeitTinyStay() {
    OnnxModel model =
        OnnxModel.read(TestData.requireShared("deit-tiny/deit_tiny_patch16_224.onnx"));
    float[] pixels = Npy.read(TestData.requireShared("deit-tiny/golden_pixel_values.npy")).floats();

    assertTheLogitsStay(model, Arrays.copyOf(pixels, 3 * 224 * 224), 1, 37);
  }

  @Test
  void constantsThatTwoNormsShareChangeForTheOneThatFolds() {
    GraphBuilder builder =
        new GraphBuilder(17)
            .tokens()
            .random("gamma", 16)
            .random("beta", 16)
            .node("LayerNormalization", List.of("x", "gamma", "beta"), "first")
            .random("fc.weight", 16, 16)
            .node("MatMul", List.of("first", "fc.weight"), "y")
            .node("LayerNormalization", List.of("y", "gamma", "beta"), "second")
            .node("Add", List.of("second", "beta"), "shifted")
            .node("Mul", List.of("shifted", "gamma"), "z")
            .pooledHead("z");

    assertOneSiteFoldsWithoutChange(builder, "fc");
  }

  @Test
  void aNormWithoutShiftFoldsIntoANewOne() {
    GraphBuilder builder =
        new GraphBuilder(17)
            .tokens()
            .random("norm.weight", 16)
            .node("LayerNormalization", List.of("x", "norm.weight"), "norm")
            .random("fc.weight", 16, 16)
            .node("MatMul", List.of("norm", "fc.weight"), "y")
            .node("Relu", List.of("y"), "z")
            .pooledHead("z");

    assertOneSiteFoldsWithoutChange(builder, "fc");
  }

  @Test
  void rowsOfMoreThanOneAxisKeepTheirShape() {
    GraphBuilder builder =
        new GraphBuilder(17)
            .tokens()
            .random("norm.weight", 1, 1, 16)
            .random("norm.bias", 1, 16)
            .node("Mul", List.of("norm.weight", "x"), "scaled")
            .node("Add", List.of("norm.bias", "scaled"), "norm")
            .random("fc.weight", 16, 16)
            .node("MatMul", List.of("norm", "fc.weight"), "y")
            .node("Relu", List.of("y"), "z")
            .pooledHead("z");

    assertOneSiteFoldsWithoutChange(builder, "fc");
  }

  @Test
  void valuesOfALayerWithoutBiasFoldIntoANewOne() {
    assertOneSiteFoldsWithoutChange(
        new AttentionGraph().withoutBias().build().pooledHead("y"), "proj");
  }

  @Test
  void valuesOfAnAttentionNodeFold() {
    assertOneSiteFoldsWithoutChange(new AttentionGraph(23).fused().build().pooledHead("y"), "proj");
  }

  private static void assertOneSiteFoldsWithoutChange(GraphBuilder builder, String name) {
    OnnxModel model = OnnxModel.parse(builder.bytes(), "test");
    float[] pixels = new float[48];
    Random random = new Random(5);
    for (int i = 0; i < pixels.length; i++) {
      pixels[i] = (float) random.nextGaussian();
    }
    SiteFolds folds = FoldProbe.folds(model);
    ActivationSite site =
        model.graph().sites().stream().filter(s -> s.name().equals(name)).findFirst().orElseThrow();
    ChannelRescale change =
        new ChannelRescale(
            TestQuantization.noise(site, 3), TestQuantization.rescale(site, EXPONENT));

    byte[] folded = FloatFold.apply(model, folds, Map.of(site, change));

    float[] before = OrtRun.plain(model.file(), pixels, 1, 3, 4, 4).floats("logits");
    float[] after = OrtRun.plain(folded, pixels, 1, 3, 4, 4).floats("logits");
    assertThat(TestQuantization.error(after, before)).isLessThan(1e-5);
  }

  private static void assertTheLogitsStay(
      OnnxModel model, float[] pixels, int images, int foldable) {
    int size = model.graph().height();
    TestQuantization plain = new TestQuantization(model, pixels, images, 3, size, size);
    SiteFolds folds = FoldProbe.folds(model);
    Map<ActivationSite, ChannelRescale> changes = plain.changes(folds, BITS, STEPS, EXPONENT);
    for (ActivationSite site : model.graph().sites()) {
      if (!changes.containsKey(site)) {
        assertThat(folds.fold(site)).isEqualTo(new NoiseFold.None("fed by GELU"));
      }
    }
    assertThat(changes).hasSize(foldable);
    byte[] folded = FloatFold.apply(model, folds, changes);

    List<String> tensors = changes.keySet().stream().map(ActivationSite::tensor).toList();
    OrtRun run = OrtRun.plain(ActivationTaps.addTo(folded, tensors), pixels, plain.shape());

    float[] logits = run.floats(model.graph().output());
    double error = TestQuantization.error(logits, plain.logits());
    System.out.printf("%d sites folded: logits differ by %.1e of their range%n", foldable, error);
    assertThat(error).isLessThan(1e-4);
    changes.forEach(
        (site, change) ->
            assertThat(
                    ExportParity.relativeError(
                        run.floats(site.tensor()), changed(plain.activation(site), change)))
                .as(site.name())
                .isLessThan(1e-4));
  }

  /** (x + N) / c. */
  private static double[] changed(float[] x, ChannelRescale change) {
    double[] changed = new double[x.length];
    int channels = change.noise().length;
    for (int i = 0; i < x.length; i++) {
      changed[i] = ((double) x[i] + change.noise()[i % channels]) / change.divisor()[i % channels];
    }
    return changed;
  }
}
