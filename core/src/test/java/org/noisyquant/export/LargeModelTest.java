package org.noisyquant.export;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.TestInstance.Lifecycle;
import org.junit.jupiter.api.io.TempDir;
import org.noisyquant.graph.ActivationSite;
import org.noisyquant.onnx.ActivationTaps;
import org.noisyquant.onnx.OnnxFile;
import org.noisyquant.onnx.OnnxModel;
import org.noisyquant.onnx.SiteFolds;
import org.noisyquant.runtime.FoldProbe;
import org.noisyquant.runtime.ModelRunner;
import org.noisyquant.runtime.ModelTrial;
import org.noisyquant.testing.LargeModel;

/**
 * A model of 2.4 GB of random weights: it needs 5 GB of disk, 6 GB of memory besides the heap, and
 * minutes.
 */
@Tag("full")
@TestInstance(Lifecycle.PER_CLASS)
class LargeModelTest {
  private static final long TWO_GIB = 1L << 31;
  private static final int BLOCKS = 12;

  @TempDir static Path folder;

  private OnnxModel model;
  private float[] pixels;
  private float[] logits;

  @BeforeAll
  void writeAndRun() throws IOException {
    Path file = folder.resolve("fp32.onnx");
    LargeModel.write(file, BLOCKS);
    assertThat(Files.size(folder.resolve("fp32.onnx.data"))).isGreaterThan(TWO_GIB);
    model = OnnxModel.read(file);
    pixels = new float[3 * 28 * 28];
    Random random = new Random(5);
    for (int i = 0; i < pixels.length; i++) {
      pixels[i] = (float) random.nextGaussian();
    }
    logits = outputs(file, model.graph().output()).get(0);
  }

  private List<float[]> outputs(Path file, String... names) {
    try (ModelRunner runner = ModelRunner.open(file, 2);
        ModelRunner.Run run = runner.newRun(28, 28, List.of(names))) {
      run.run(pixels);
      return IntStream.range(0, names.length).mapToObj(run::values).toList();
    }
  }

  private Path written(String name, OnnxFile file) throws IOException {
    Path path = folder.resolve(name);
    file.write(path);
    return path;
  }

  /** With these sites at 8 bits, noise of half a step folded where it can be. */
  private OnnxFile quantized(List<ActivationSite> sites) throws IOException {
    SiteFolds folds = FoldProbe.folds(model);
    String[] tensors = sites.stream().map(ActivationSite::tensor).toArray(String[]::new);
    Path tapped = written("tapped.onnx", ActivationTaps.addTo(model, List.of(tensors)));
    List<float[]> activations = outputs(tapped, tensors);
    return QuantizedModelWriter.write(
        model, TestQuantization.of(model, sites, activations), Map.of(), folds);
  }

  @Test
  void everyLayerIsFoundAndItsNoiseFoldsOrIsSaidNotTo() {
    SiteFolds folds = FoldProbe.folds(model);

    assertThat(model.file().hasData()).isTrue();
    assertThat(model.graph().sites()).hasSize(4 * BLOCKS + 1);
    assertThat(model.graph().sites().stream().filter(site -> folds.fold(site).folds()))
        .hasSizeGreaterThanOrEqualTo(3 * BLOCKS);
  }

  @Test
  void itPassesTheTrial() {
    ModelTrial.once("large", model);
  }

  @Test
  void withFewLayersQuantizedItStillHasADataFileOfMoreThan2Gib() throws IOException {
    OnnxFile result = quantized(model.graph().sites().subList(1, 5));

    assertThat(result.hasData()).isTrue();
    Path file = written("some.onnx", result);
    assertThat(Files.size(folder.resolve("some.onnx.data"))).isGreaterThan(TWO_GIB);
    assertThat(TestQuantization.error(outputs(file, model.graph().output()).get(0), logits))
        .isBetween(1e-6, 0.1);
  }

  @Test
  void withAllLayersQuantizedItFitsIntoOneFile() throws IOException {
    OnnxFile result = quantized(model.graph().sites());

    assertThat(result.hasData()).isFalse();
    assertThat(result.size()).isBetween(TWO_GIB / 4, TWO_GIB / 3);
    Path file = written("all.onnx", result);
    assertThat(TestQuantization.error(outputs(file, model.graph().output()).get(0), logits))
        .isBetween(1e-6, 0.2);
  }
}
