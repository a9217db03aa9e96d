package org.noisyquant.export;

import static org.assertj.core.api.Assertions.assertThat;

import ai.onnx.proto.OnnxMl.ModelProto;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.noisyquant.graph.ActivationSite.Role;
import org.noisyquant.onnx.OnnxModel;
import org.noisyquant.onnx.SiteFolds;
import org.noisyquant.runtime.FoldProbe;
import org.noisyquant.testing.Npy;
import org.noisyquant.testing.OrtRun;
import org.noisyquant.testing.TestData;

@Tag("full")
class DeitTinyExportTest {
  @TempDir Path folder;

  private final OnnxModel model =
      OnnxModel.read(TestData.requireShared("deit-tiny/deit_tiny_patch16_224.onnx"));

  private TestQuantization quantization() {
    float[] pixels = Npy.read(TestData.requireShared("deit-tiny/golden_pixel_values.npy")).floats();
    return new TestQuantization(model, Arrays.copyOf(pixels, 3 * 224 * 224), 1, 3, 224, 224);
  }

  @ParameterizedTest
  @ValueSource(ints = {8, 6, 4})
  void everySiteComputesWhatTheMethodSays(int bits) {
    TestQuantization quantization = quantization();
    List<SiteQuantization> sites = quantization.all(site -> bits, true);

    ExportParity parity = new ExportParity(model, quantization, sites, FoldProbe.folds(model));

    parity.holdsAsWritten();
    parity.holdsOptimized();
  }

  @ParameterizedTest
  @ValueSource(ints = {8, 4})
  void everyRescaledSiteComputesWhatTheMethodSays(int bits) {
    TestQuantization quantization = quantization();
    SiteFolds folds = FoldProbe.folds(model);

    ExportParity parity =
        new ExportParity(model, quantization, quantization.rescaled(bits, folds), folds);

    parity.holdsAsWritten();
    parity.holdsOptimized();
  }

  @ParameterizedTest
  @ValueSource(ints = {8, 6, 4})
  void all48BlockLayersRunOnIntegerKernels(int bits) throws IOException {
    TestQuantization quantization = quantization();
    List<SiteQuantization> blocks =
        quantization.all(site -> bits, true).stream()
            .filter(site -> site.site().role() == Role.BLOCK)
            .toList();
    Path optimized = folder.resolve("optimized.onnx");

    OrtRun.optimized(
        QuantizedModelWriter.write(model, blocks, Map.of()).bytes(),
        optimized,
        quantization.pixels(),
        quantization.shape());

    assertThat(ModelProto.parseFrom(Files.readAllBytes(optimized)).getGraph().getNodeList())
        .filteredOn(node -> node.getOpType().equals("MatMulIntegerToFloat"))
        .hasSize(48);
  }

  @Test
  void eightBitsWithoutNoiseGiveTheSameClass() {
    TestQuantization quantization = quantization();

    float[] logits =
        OrtRun.plain(
                QuantizedModelWriter.write(model, quantization.all(site -> 8, false), Map.of())
                    .bytes(),
                quantization.pixels(),
                quantization.shape())
            .floats("logits");

    assertThat(argMax(logits)).isEqualTo(argMax(quantization.logits()));
  }

  private static int argMax(float[] values) {
    int best = 0;
    for (int i = 1; i < values.length; i++) {
      best = values[i] > values[best] ? i : best;
    }
    return best;
  }
}
