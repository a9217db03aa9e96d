package org.noisyquant.search;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.assertj.core.api.SoftAssertions;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.noisyquant.image.Preprocessor;
import org.noisyquant.onnx.OnnxModel;
import org.noisyquant.testing.TestData;
import org.noisyquant.testing.TestImages;
import org.noisyquant.testing.TestImages.LabelledImage;

/**
 * Predictions against exact losses on real activations, whose channels are not independent. In the
 * few channels of the Fashion ViT less of that averages out than in those of DeiT: at four bits its
 * losses behind attention and GELU are predicted about a tenth too low, but in the right order.
 */
class PredictionTest {
  private static final double NORM_FED = 0.01;
  private static final double OTHERS = 0.04;
  private static final double FASHION_OTHERS_4_BITS = 0.15;
  private static final double REGRET = 0.005;

  @ParameterizedTest
  @ValueSource(ints = {6, 4})
  void theBestPredictedChoicesOfTheFashionVitCostWhatIsPredicted(int bits) throws IOException {
    List<PredictionTrial> trials =
        trials(
            TestData.fashion("fashion_vit.onnx"),
            TestData.fashion("preprocessor_config_vit.json"),
            TestData.fashion("calibration"),
            24,
            "blocks.[024]..*",
            bits);

    assertThat(trials.size()).isEqualTo(12);
    assertPredictionsHold(trials, bits, bits == 4 ? FASHION_OTHERS_4_BITS : OTHERS);
  }

  @ParameterizedTest
  @ValueSource(ints = {8, 6, 4})
  @Tag("full")
  void theBestPredictedChoicesOfDeitTinyCostWhatIsPredicted(int bits) throws IOException {
    List<PredictionTrial> trials =
        trials(
            TestData.requireShared("deit-tiny/deit_tiny_patch16_224.onnx"),
            TestData.requireShared("deit-tiny/preprocessor_config.json"),
            TestData.requireShared("imagenet/calibration"),
            16,
            ".*",
            bits);

    assertThat(trials.size()).isEqualTo(48);
    assertPredictionsHold(trials, bits, OTHERS);
  }

  private static List<PredictionTrial> trials(
      Path model, Path preprocessing, Path images, int count, String sites, int bits)
      throws IOException {
    OnnxModel fp32 = OnnxModel.read(model);
    Preprocessor preprocessor = TestImages.preprocessor(preprocessing, fp32.graph());
    List<float[]> pixels =
        TestImages.labelled(images, preprocessor, count).stream()
            .map(LabelledImage::pixels)
            .toList();
    return PredictionTrial.ofBlocks(
        fp32, site -> site.name().matches(sites), pixels, bits, NoiseKind.OPTIMIZED, 2);
  }

  private static void assertPredictionsHold(List<PredictionTrial> trials, int bits, double others) {
    SoftAssertions softly = new SoftAssertions();
    for (boolean normFed : new boolean[] {true, false}) {
      List<PredictionTrial> some = trials.stream().filter(t -> t.normFed() == normFed).toList();
      double[] ratios =
          some.stream().flatMapToDouble(t -> Arrays.stream(t.bestRatios())).sorted().toArray();
      double median = ratios[ratios.length / 2];
      System.out.printf(
          "%d bits, %s: predicted/exact %.4f [%.3f, %.3f]; regret at most %.4f%n",
          bits,
          normFed ? "LayerNorm-fed" : "others",
          median,
          ratios[0],
          ratios[ratios.length - 1],
          some.stream().mapToDouble(PredictionTrial::regret).max().orElseThrow());
      softly
          .assertThat(Math.abs(median - 1))
          .as("%d bits, fed by LayerNorm: %s", bits, normFed)
          .isLessThan(normFed ? NORM_FED : others);
    }
    for (PredictionTrial trial : trials) {
      softly.assertThat(trial.regret()).as(trial.site()).isLessThanOrEqualTo(REGRET);
    }
    softly.assertAll();
  }
}
