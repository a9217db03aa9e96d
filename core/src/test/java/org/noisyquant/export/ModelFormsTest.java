package org.noisyquant.export;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.noisyquant.graph.ActivationSite;
import org.noisyquant.graph.ModelGraph;
import org.noisyquant.onnx.OnnxModel;
import org.noisyquant.onnx.SiteFolds;
import org.noisyquant.runtime.FoldProbe;
import org.noisyquant.testing.ModelForms;
import org.noisyquant.testing.ModelForms.Form;
import org.noisyquant.testing.OrtRun;

/** What users export: every layer is found, noise folds, and what is exported is what was meant. */
class ModelFormsTest {
  private static final int IMAGES = 2;
  private static final int BITS = 8;
  private static final int STEPS = 8;
  private static final double EXPONENT = 2;

  /**
   * Sites that fold, whatever the exporter and opset. In each of two blocks the qkv, proj and fc1
   * of a ViT do, and the head; of CaiT, whose talking heads mix what attention gives, also the
   * layers of two class-attention blocks. Heads that share a norm (DeiT's two) or join two of its
   * parts (DINOv2) do not; nor does what a padding, a residual (SwinV2's fc1, SigLIP's head), GELU
   * or a gate (EVA) makes.
   */
  private static final Map<String, Integer> FOLDING =
      Map.ofEntries(
          Map.entry("timm_deit_distilled", 6),
          Map.entry("hf_deit_teacher", 6),
          Map.entry("hf_dinov2", 6),
          Map.entry("hf_dinov2_registers", 6),
          Map.entry("timm_siglip", 9),
          Map.entry("timm_cait", 9),
          Map.entry("timm_swin", 10),
          Map.entry("timm_swin_padded", 10),
          Map.entry("hf_swin", 10),
          Map.entry("hf_swin_padded", 10),
          Map.entry("timm_swinv2", 5));

  private static final int FOLDING_OF_VIT = 7;

  static List<Form> forms() {
    return ModelForms.all();
  }

  @ParameterizedTest
  @MethodSource("forms")
  void everyWeightLayerIsFoundAndNoiseFoldsWhereItMay(Form form) {
    OnnxModel model = OnnxModel.parse(form.onnx(), form.name());
    ModelGraph graph = model.graph();
    assertThat(graph.sites().stream().mapToInt(site -> site.layers().size()).sum())
        .isEqualTo(form.linear());
    List<ModelGraph.SkippedLayer> skipped = new ArrayList<>(graph.skipped());
    skipped.removeIf(layer -> layer.reason().equals("its input does not depend on the image"));
    assertThat(skipped).hasSize(form.convolutions()).allMatch(l -> l.operator().equals("Conv"));

    SiteFolds folds = FoldProbe.folds(model);
    TestQuantization plain = quantization(model);
    Map<ActivationSite, ChannelRescale> changes = plain.changes(folds, BITS, STEPS, EXPONENT);
    assertThat(changes).hasSize(FOLDING.getOrDefault(form.model(), FOLDING_OF_VIT));
    float[] logits =
        OrtRun.plain(FloatFold.apply(model, folds, changes), plain.pixels(), plain.shape())
            .floats(graph.output());
    assertThat(TestQuantization.error(logits, plain.logits())).isLessThan(1e-4);
  }

  @ParameterizedTest
  @MethodSource("forms")
  void theExportedModelDoesWhatWasMeant(Form form) {
    parity(form, BITS).holdsAsWritten();
  }

  @Tag("full")
  @ParameterizedTest
  @MethodSource("forms")
  void soItDoesOptimizedAndAtFourBits(Form form) {
    parity(form, BITS).holdsOptimized();
    ExportParity parity = parity(form, 4);
    parity.holdsAsWritten();
    parity.holdsOptimized();
  }

  private static ExportParity parity(Form form, int bits) {
    OnnxModel model = OnnxModel.parse(form.onnx(), form.name());
    SiteFolds folds = FoldProbe.folds(model);
    TestQuantization quantization = quantization(model);
    return new ExportParity(model, quantization, quantization.rescaled(bits, folds), folds);
  }

  private static TestQuantization quantization(OnnxModel model) {
    ModelGraph graph = model.graph();
    Random random = new Random(3);
    float[] pixels = new float[IMAGES * 3 * graph.height() * graph.width()];
    for (int i = 0; i < pixels.length; i++) {
      pixels[i] = (float) random.nextGaussian();
    }
    return new TestQuantization(model, pixels, IMAGES, 3, graph.height(), graph.width());
  }
}
