package org.noisyquant.export;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.noisyquant.error.NoisyQuantException;
import org.noisyquant.graph.ActivationSite;
import org.noisyquant.graph.ModelGraph;
import org.noisyquant.onnx.ActivationTaps;
import org.noisyquant.onnx.OnnxModel;
import org.noisyquant.onnx.SiteFolds;
import org.noisyquant.runtime.FoldProbe;
import org.noisyquant.runtime.ModelRunner;
import org.noisyquant.runtime.ModelTrial;
import org.noisyquant.stats.SiteStatistics;
import org.noisyquant.stats.SiteStatistics.Part;
import org.noisyquant.testing.ModelForms;
import org.noisyquant.testing.ModelMutations;
import org.noisyquant.testing.ModelMutations.Mutant;
import org.noisyquant.testing.TestData;

/** Damaged models are refused, as input, or quantized like any other; nothing else happens. */
class ModelFuzzTest {
  private static final int INPUT_ERROR = 3;
  private static final int BITS = 8;

  /** A mutant may ask for an image that is too large to try. */
  private static final long MOST_PIXELS = 1 << 20;

  /** Beyond it products of activations and weights leave the range of floats. */
  private static final float LARGEST = 0x1p50f;

  @TempDir Path folder;

  private static ModelTrial trial;

  @BeforeAll
  static void openTrial() {
    trial = ModelTrial.open();
  }

  @AfterAll
  static void closeTrial() {
    trial.close();
  }

  @Test
  void aHundredDamagedModels() throws IOException {
    fuzz(1, 100);
  }

  @Tag("full")
  @Test
  void twoThousandDamagedModels() throws IOException {
    fuzz(2, 2000);
  }

  private void fuzz(long seed, int mutants) throws IOException {
    Random random = new Random(seed);
    List<byte[]> models = models();
    Map<String, Integer> outcomes = new TreeMap<>();
    List<String> failures = new ArrayList<>();
    for (int i = 0; i < mutants; i++) {
      Mutant mutant = ModelMutations.of(models.get(random.nextInt(models.size())), random);
      String name = "mutant " + i + " of seed " + seed + ", " + mutant.what();
      try {
        outcomes.merge(outcome(name, mutant.bytes()), 1, Integer::sum);
      } catch (RuntimeException | Error e) {
        failures.add(name + ": " + e + " at " + Arrays.stream(e.getStackTrace()).limit(6).toList());
      }
    }
    System.out.println(mutants + " damaged models: " + outcomes);
    assertThat(failures).isEmpty();
  }

  private static List<byte[]> models() throws IOException {
    List<byte[]> models = new ArrayList<>();
    for (String name : List.of("vit", "vit_opset13", "vit_split_qkv", "swin")) {
      models.add(TestData.fashionBytes("fashion_" + name + ".onnx"));
    }
    ModelForms.all().forEach(form -> models.add(form.onnx()));
    return models;
  }

  /** The error code, or that the exported model does what was meant. */
  private String outcome(String name, byte[] bytes) throws IOException {
    Path file = Files.write(folder.resolve("model.onnx"), bytes);
    try {
      OnnxModel model = OnnxModel.read(file);
      ModelGraph graph = model.graph();
      if ((long) graph.height() * graph.width() > MOST_PIXELS) {
        return "image too large to try";
      }
      trial.run(name, model.file(), graph);
      SiteFolds folds = FoldProbe.folds(model);
      if (graph.sites().isEmpty()) {
        return "without sites";
      }
      float[] pixels = new float[3 * graph.height() * graph.width()];
      Random random = new Random(3);
      for (int i = 0; i < pixels.length; i++) {
        pixels[i] = (float) random.nextGaussian();
      }
      if (!takeStatistics(model, pixels)) {
        return "runs, with activations of no ordinary size";
      }
      TestQuantization quantization =
          new TestQuantization(model, pixels, 1, 3, graph.height(), graph.width());
      new ExportParity(model, quantization, quantization.rescaled(BITS, folds), folds)
          .holdsAsWritten();
      return "quantized as meant";
    } catch (NoisyQuantException e) {
      assertThat(e.code().exitCode()).as("%s: %s", name, e.getMessage()).isEqualTo(INPUT_ERROR);
      return e.code().name();
    }
  }

  /** As a calibration does: activations that are not finite are refused. True if all are usual. */
  private boolean takeStatistics(OnnxModel model, float[] pixels) throws IOException {
    ModelGraph graph = model.graph();
    List<String> tensors = graph.sites().stream().map(ActivationSite::tensor).toList();
    Path tapped =
        Files.write(folder.resolve("tapped.onnx"), ActivationTaps.addTo(model, tensors).bytes());
    try (ModelRunner runner = ModelRunner.open(tapped, 1);
        ModelRunner.Run run = runner.newRun(graph.height(), graph.width(), tensors)) {
      run.run(pixels);
      boolean ordinary = true;
      for (int i = 0; i < tensors.size(); i++) {
        ActivationSite site = graph.sites().get(i);
        float[] x = run.values(i);
        SiteStatistics.empty(site.index(), site.channels(), 0)
            .update(Part.CALIBRATION, x, x.length / site.channels());
        float largest = TestQuantization.absMax(x);
        ordinary &= largest > 0 && largest < LARGEST;
      }
      return ordinary;
    }
  }
}
