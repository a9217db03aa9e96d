package org.noisyquant.search;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.withinPercentage;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Function;
import org.assertj.core.api.SoftAssertions;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.noisyquant.graph.ActivationSite;
import org.noisyquant.graph.ActivationSite.Role;
import org.noisyquant.onnx.ActivationTaps;
import org.noisyquant.onnx.OnnxModel;
import org.noisyquant.runtime.MatMulRunner;
import org.noisyquant.runtime.ModelRunner;
import org.noisyquant.testing.Npy;
import org.noisyquant.testing.TestData;
import org.noisyquant.testing.TestImages;

/**
 * The paper's search on the 48 block layers of DeiT-tiny, each on its own FP32 input of 8 images,
 * against an independent implementation that used the same unit noise.
 */
class PaperReferenceTest {
  private static final int THREADS = 2;
  private static final double MSE_PERCENT = 0.5;

  /** The reference may prefer another of two clips that differ by less than this. */
  private static final double CLIP_TIE_PERCENT = 0.1;

  @TempDir private static Path folder;

  private static Map<String, ReferenceLayer> reference;
  private static MatMulRunner products;
  private static final Map<String, LayerTrial> TRIALS = new LinkedHashMap<>();

  /** Before each test, not before all: without the files every test is skipped by its name. */
  @BeforeEach
  void needTheReference() throws IOException {
    Path model = TestData.requireShared("deit-tiny/deit_tiny_patch16_224.onnx");
    if (TRIALS.isEmpty()) {
      runTheGoldenImages(OnnxModel.read(model));
    }
  }

  private static void runTheGoldenImages(OnnxModel model) throws IOException {
    reference =
        ReferenceLayer.read(
            TestData.requireShared("deit-tiny/reference_layers.json"),
            TestData.requireShared("deit-tiny/reference_noise.npz"));
    Npy pixels = Npy.read(TestData.requireShared("deit-tiny/golden_pixel_values.npy"));
    List<ActivationSite> sites =
        model.graph().sites().stream().filter(site -> site.role() == Role.BLOCK).toList();
    List<String> tensors = sites.stream().map(ActivationSite::tensor).toList();
    Path tapped =
        Files.write(folder.resolve("tapped.onnx"), ActivationTaps.addTo(model, tensors).bytes());
    List<List<float[]>> activations = new ArrayList<>();
    sites.forEach(site -> activations.add(new ArrayList<>()));
    try (ModelRunner runner = ModelRunner.open(tapped, THREADS);
        ModelRunner.Run run = runner.newRun(224, 224, tensors)) {
      for (int image = 0; image < pixels.shape()[0]; image++) {
        run.run(TestImages.row(pixels, image));
        for (int i = 0; i < sites.size(); i++) {
          activations.get(i).add(run.values(i));
        }
      }
    }
    products = MatMulRunner.open(1);
    for (int i = 0; i < sites.size(); i++) {
      ActivationSite site = sites.get(i);
      int bits = reference.get(site.name()).bits();
      TRIALS.put(site.name(), new LayerTrial(model, site, bits, activations.get(i), products));
    }
  }

  @AfterAll
  static void close() {
    TRIALS.values().forEach(LayerTrial::close);
    TRIALS.clear();
    if (products != null) {
      products.close();
    }
  }

  @Test
  void theReferenceIsAboutAll48BlockLayers() {
    assertThat(TRIALS).hasSize(48).containsOnlyKeys(reference.keySet());
  }

  @Test
  void theLargestMagnitudeOfEveryLayerIsThatOfTheReference() {
    for (ReferenceLayer layer : reference.values()) {
      assertThat((double) TRIALS.get(layer.name()).absMax())
          .as(layer.name())
          .isCloseTo(layer.absMax(), withinPercentage(1e-3));
    }
  }

  @Test
  void everyCandidateOfTheReferenceScoresAsItDoesThere() {
    Map<String, List<ScoredCandidate>> scored =
        onEveryLayer(
            layer ->
                TRIALS
                    .get(layer.name())
                    .score(
                        layer.bits(),
                        layer.unit(),
                        layer.all().stream().map(ScoredCandidate::candidate).toList()));

    SoftAssertions softly = new SoftAssertions();
    double worst = 0;
    for (ReferenceLayer layer : reference.values()) {
      for (int i = 0; i < layer.all().size(); i++) {
        ScoredCandidate expected = layer.all().get(i);
        double loss = scored.get(layer.name()).get(i).loss();
        worst = Math.max(worst, Math.abs(percentAbove(loss, expected.loss())));
        softly
            .assertThat(loss)
            .as("%s, %s", layer.name(), expected.candidate())
            .isCloseTo(expected.loss(), withinPercentage(MSE_PERCENT));
      }
    }
    System.out.printf("largest deviation from the reference: %.4f %%%n", worst);
    softly.assertAll();
  }

  @Test
  @Tag("full")
  void theSearchOnTheReferencesGridFindsWhatTheReferenceFound() {
    Map<String, SiteSolution> found =
        onEveryLayer(
            layer ->
                TRIALS
                    .get(layer.name())
                    .search(0, layer.bits(), layer.unit(), ReferenceLayer.GRID));

    SoftAssertions softly = new SoftAssertions();
    for (ReferenceLayer layer : reference.values()) {
      SiteSolution solution = found.get(layer.name());
      System.out.println(comparison(layer, solution));
      assertSameMse(softly, layer, "min-max", solution.minMax(), layer.minMax());
      assertSameMse(softly, layer, "clip", solution.baseline(), layer.clip());
      assertSameMse(softly, layer, "shift", solution.shift(), layer.shift());
      assertSameMse(softly, layer, "range", solution.chosen(), layer.range());
      if (!solution.baseline().candidate().equals(layer.clip().candidate())) {
        softly
            .assertThat(solution.baseline().loss())
            .as("%s: MSE at %s", layer.name(), solution.baseline().candidate())
            .isCloseTo(layer.clip().loss(), withinPercentage(CLIP_TIE_PERCENT));
      }
    }
    softly.assertAll();
  }

  private static void assertSameMse(
      SoftAssertions softly,
      ReferenceLayer layer,
      String what,
      ScoredCandidate actual,
      ScoredCandidate expected) {
    softly
        .assertThat(actual.loss())
        .as("%s, best %s", layer.name(), what)
        .isCloseTo(expected.loss(), withinPercentage(MSE_PERCENT));
  }

  /** One line for the log: MSE above the reference in percent, and the choices that differ. */
  private static String comparison(ReferenceLayer layer, SiteSolution solution) {
    StringBuilder line =
        new StringBuilder(
            String.format(
                "%-20s %% above the reference: min-max %+.4f clip %+.4f shift %+.4f range %+.4f",
                layer.name(),
                percentAbove(solution.minMax().loss(), layer.minMax().loss()),
                percentAbove(solution.baseline().loss(), layer.clip().loss()),
                percentAbove(solution.shift().loss(), layer.shift().loss()),
                percentAbove(solution.chosen().loss(), layer.range().loss())));
    if (!solution.chosen().candidate().equals(layer.range().candidate())) {
      line.append(", chose ")
          .append(solution.chosen().candidate())
          .append(", the reference ")
          .append(layer.range().candidate());
    }
    return line.toString();
  }

  private static double percentAbove(double loss, double reference) {
    return 100 * (loss / reference - 1);
  }

  /** The layers by name, worked on by as many threads as the machine may spare. */
  private static <T> Map<String, T> onEveryLayer(Function<ReferenceLayer, T> work) {
    ExecutorService pool = Executors.newFixedThreadPool(THREADS);
    try {
      Map<String, Future<T>> futures = new LinkedHashMap<>();
      for (ReferenceLayer layer : reference.values()) {
        futures.put(layer.name(), pool.submit(() -> work.apply(layer)));
      }
      Map<String, T> results = new LinkedHashMap<>();
      for (Map.Entry<String, Future<T>> entry : futures.entrySet()) {
        results.put(entry.getKey(), entry.getValue().get());
      }
      return results;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    } catch (ExecutionException e) {
      throw new IllegalStateException(e.getCause());
    } finally {
      pool.shutdownNow();
    }
  }
}
