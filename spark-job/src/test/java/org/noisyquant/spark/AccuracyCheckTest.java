package org.noisyquant.spark;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.noisyquant.evaluate.EvaluationSums;
import org.noisyquant.evaluate.ImageScore;

class AccuracyCheckTest {
  private static String warning(double top1, double confidence, long images, int classes) {
    return new AccuracyCheck(top1, confidence, images, classes).warning().orElse("");
  }

  @ParameterizedTest
  @CsvSource({
    "0.791, 0.651, 244, 1000", // DeiT-tiny
    "0.801, 0.635, 256, 1000",
    "0.877, 0.862, 1000, 10", // Fashion-MNIST
    "0.884, 0.843, 1000, 10",
    "0.70, 0.85, 50000, 1000", // too sure of itself
    "0.78, 0.80, 32, 2", // two classes, few images
    "0.65, 0.70, 20, 3",
  })
  void aModelThatFitsItsImagesIsNotWarnedOf(
      double top1, double confidence, long images, int classes) {
    assertThat(warning(top1, confidence, images, classes)).isEmpty();
  }

  @Test
  void labelsThatAreOffByOneAreInAnotherOrderTooThoughSomeNeighboursAreAlike() {
    assertThat(warning(0.012, 0.651, 244, 1000)).contains("another order");
  }

  @Test
  void labelsInAnotherOrderAreNamedWhereASureModelGuesses() {
    assertThat(warning(0.004, 0.651, 244, 1000))
        .startsWith("the FP32 model has top-1 0.4 % on 244 labelled images and a mean confidence")
        .contains("65.1 %", "another order", "--classes");
  }

  @Test
  void theScaleOfPixelsIsNamedWhereAnUnsureModelGuesses() {
    assertThat(warning(0.004, 0.035, 244, 1000))
        .contains("top-1 0.4 %", "it is unsure", "do_rescale")
        .doesNotContain("--labels");
  }

  @Test
  void preprocessingIsNamedWhereTop1IsFarUnderConfidence() {
    assertThat(warning(0.548, 0.759, 1000, 10))
        .contains("54.8 %", "75.9 %", "image_mean", "RGB or BGR");
  }

  @Test
  void fewImagesAreGrantedBadLuck() {
    assertThat(warning(0, 0.9, 3, 1000)).isEmpty();
    assertThat(warning(0.55, 0.76, 100, 10)).isEmpty();
    assertThat(warning(0, 0.9, 20, 1000)).isNotEmpty();
  }

  @Test
  void twoClassesThatAreSwappedAreNamedOnFewImages() {
    assertThat(warning(0.22, 0.80, 32, 2)).contains("another order");
  }

  @Test
  void guessingBetweenTwoClassesIsNamedOnceThereAreImagesEnough() {
    assertThat(warning(0.52, 0.55, 100, 2)).isEmpty();
    assertThat(warning(0.52, 0.55, 1000, 2)).contains("hardly better than guessing");
  }

  @Test
  void withoutLabelsThereIsNothingToCheck() {
    EvaluationSums sums = EvaluationSums.empty("fp32", List.of(), 10, 0);
    sums.update(new ImageScore("a.png", false, false, false, 0.9, 1, List.of()));

    assertThat(AccuracyCheck.of(sums.result(), 10)).isEmpty();
  }
}
