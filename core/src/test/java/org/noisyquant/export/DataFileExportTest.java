package org.noisyquant.export;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.noisyquant.graph.ModelGraph;
import org.noisyquant.onnx.OnnxFile;
import org.noisyquant.onnx.OnnxModel;
import org.noisyquant.onnx.SiteFolds;
import org.noisyquant.runtime.FoldProbe;
import org.noisyquant.runtime.ModelRunner;
import org.noisyquant.runtime.ModelTrial;
import org.noisyquant.testing.TestData;

/** All that is done with a model in one file, done with the same model with a data file. */
class DataFileExportTest {
  private static final Path VIT = TestData.fashion("fashion_vit.onnx");
  private static final int LIMIT = 100_000;

  @TempDir static Path folder;

  private static OnnxModel one;
  private static OnnxModel two;
  private static float[] pixels;

  @BeforeAll
  static void readBoth() throws IOException {
    one = OnnxModel.read(VIT);
    Path file = folder.resolve("fp32.onnx");
    OnnxModel.read(VIT, LIMIT).file().write(file);
    two = OnnxModel.read(file, LIMIT);
    pixels = new float[3 * 28 * 28];
    Random random = new Random(5);
    for (int i = 0; i < pixels.length; i++) {
      pixels[i] = (float) random.nextGaussian();
    }
  }

  private static OnnxFile quantized(OnnxModel model, boolean all) {
    SiteFolds folds = FoldProbe.folds(model);
    List<SiteQuantization> sites =
        new TestQuantization(model, pixels, 1, 3, 28, 28).rescaled(8, folds);
    return QuantizedModelWriter.write(
        model, all ? sites : sites.subList(0, 2), Map.of("noisyquant.source.sha256", ""), folds);
  }

  private static float[] logits(OnnxFile model, String name) throws IOException {
    ModelGraph graph = one.graph();
    Path file = folder.resolve(name);
    model.write(file);
    try (ModelRunner runner = ModelRunner.open(file, 1);
        ModelRunner.Run run =
            runner.newRun(graph.height(), graph.width(), List.of(graph.output()))) {
      run.run(pixels);
      return run.values(0);
    }
  }

  @Test
  void theSameNoiseFolds() {
    SiteFolds expected = FoldProbe.folds(one);
    SiteFolds folds = FoldProbe.folds(two);

    assertThat(two.graph().sites()).isEqualTo(one.graph().sites());
    assertThat(two.graph().sites())
        .allSatisfy(
            site ->
                assertThat(folds.fold(site))
                    .usingRecursiveComparison()
                    .isEqualTo(expected.fold(site)));
  }

  @Test
  void theQuantizedModelIsTheSame() throws IOException {
    OnnxFile result = quantized(two, true);
    Path file = folder.resolve("quantized.onnx");
    result.write(file);

    assertThat(result.hasData()).isTrue();
    assertThat(OnnxFile.of(Files.readAllBytes(file), "quantized", folder).bytes())
        .isEqualTo(quantized(one, true).bytes());
  }

  @Test
  void theQuantizedModelRunsWithItsDataFile() throws IOException {
    assertThat(logits(quantized(two, true), "all.onnx"))
        .isEqualTo(logits(quantized(one, true), "all-in-one.onnx"));
  }

  @Test
  void layersThatAreNotQuantizedKeepTheirWeightsInTheDataFile() throws IOException {
    assertThat(logits(quantized(two, false), "some.onnx"))
        .isEqualTo(logits(quantized(one, false), "some-in-one.onnx"));
  }

  @Test
  void aResultThatFitsIntoOneFileIsOne() throws IOException {
    OnnxModel larger = OnnxModel.read(VIT, Files.size(VIT) - 1000);

    assertThat(larger.file().hasData()).isTrue();
    assertThat(quantized(larger, true).hasData()).isFalse();
  }

  @Test
  void aTrialRunsAModelWithADataFileAndThenOneWithout() {
    try (ModelTrial trial = ModelTrial.open()) {
      trial.run("two files", two.file(), two.graph());
      trial.run("one file", one.file(), one.graph());
    }
  }
}
