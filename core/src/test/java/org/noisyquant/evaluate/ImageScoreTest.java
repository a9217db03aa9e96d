package org.noisyquant.evaluate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.noisyquant.error.ErrorCode;
import org.noisyquant.error.NoisyQuantException;

class ImageScoreTest {
  private static ImageScore score(int label, float[] fp32, float... quantized) {
    return ImageScore.of(
        label, Logits.of("fp32", "a.png", fp32), List.of(Logits.of("w4a4", "a.png", quantized)));
  }

  private static float[] logits(float... values) {
    return values;
  }

  private static float ln(double x) {
    return (float) Math.log(x);
  }

  @Test
  void klIsThatOfTheSoftmaxesInNats() {
    // p = (1/2, 1/4, 1/4), q = (1/4, 1/4, 1/2), q's logits shifted by 3, which softmax ignores:
    // KL = 1/2·ln 2 + 0 − 1/4·ln 2 = ln(2)/4.
    ImageScore score = score(-1, logits(ln(2), 0, 0), 3, 3, 3 + ln(2));
    assertThat(score.compared().get(0).kl()).isCloseTo(Math.log(2) / 4, within(1e-7));
  }

  @Test
  void klIsRelativeToTheReference() {
    // p = (3/4, 1/4), q = (1/2, 1/2): KL(p‖q) = 3/4·ln(3/2) + 1/4·ln(1/2) = 0.130812,
    // KL(q‖p) = 1/2·ln(2/3) + 1/2·ln 2 = 0.143841.
    assertThat(score(-1, logits(ln(3), 0), 0, 0).compared().get(0).kl())
        .isCloseTo(0.130812, within(1e-6));
    assertThat(score(-1, logits(0, 0), ln(3), 0).compared().get(0).kl())
        .isCloseTo(0.143841, within(1e-6));
  }

  @Test
  void hugeLogitsDoNotOverflowKl() {
    // p is one-hot at 0 and log q there is −2e4.
    assertThat(score(-1, logits(1e4f, -1e4f), -1e4f, 1e4f).compared().get(0).kl()).isEqualTo(2e4);
  }

  @Test
  void equalLogitsHaveNoErrorAtAll() {
    float[] logits = {0.3f, -7.25f, 1.125f, 11.5f};
    assertThat(score(-1, logits, logits.clone()).compared().get(0))
        .isEqualTo(new LogitComparison("w4a4", false, false, true, 0, 0));
  }

  @Test
  void confidenceIsTheLargestSoftmaxProbability() {
    assertThat(score(-1, logits(ln(3), 0), 0, 0).confidence()).isCloseTo(0.75, within(1e-7));
    assertThat(score(-1, logits(0, 0, 0, 0), 0, 0, 0, 0).confidence()).isEqualTo(0.25);
    assertThat(score(-1, logits(1e4f, -1e4f), 0, 0).confidence()).isEqualTo(1);
  }

  @Test
  void signalAndErrorAreSumsOfSquares() {
    ImageScore score = score(-1, logits(3, -4, 1), 2.5f, -4, 3);
    assertThat(score.signal()).isEqualTo(26);
    assertThat(score.compared().get(0).squaredError()).isEqualTo(4.25);
  }

  @Test
  void agreementComparesTheLargestLogits() {
    assertThat(score(-1, logits(1, 2), 5, 6).compared().get(0).agrees()).isTrue();
    assertThat(score(-1, logits(1, 2), 6, 5).compared().get(0).agrees()).isFalse();
  }

  @Test
  void tiesGoToTheLowerIndex() {
    ImageScore first = score(0, logits(2, 2, 1), 2, 2, 2);
    assertThat(first.top1()).isTrue();
    assertThat(first.compared().get(0).top1()).isTrue();
    assertThat(first.compared().get(0).agrees()).isTrue();
    ImageScore second = score(1, logits(2, 2, 1), 2, 2, 2);
    assertThat(second.top1()).isFalse();
    assertThat(second.compared().get(0).top1()).isFalse();
  }

  @Test
  void theFifthOfTiedLogitsIsAmongTheTopFiveAndTheSixthIsNot() {
    float[] tied = {0, 0, 0, 0, 0, 0};
    assertThat(score(4, tied, tied).compared().get(0).top5()).isTrue();
    assertThat(score(5, tied, tied).compared().get(0).top5()).isFalse();
  }

  @Test
  void theFifthLargestLogitIsAmongTheTopFiveAndTheSixthIsNot() {
    float[] logits = {1, 6, 2, 5, 3, 4};
    assertThat(score(2, logits, logits).top5()).isTrue();
    assertThat(score(0, logits, logits).top5()).isFalse();
  }

  @Test
  void withFewerThanFiveClassesEveryLabelIsAmongTheTopFive() {
    assertThat(score(2, logits(3, 2, 1), 3, 2, 1).top5()).isTrue();
  }

  @Test
  void withoutALabelNothingIsCorrect() {
    ImageScore score = score(ImageScore.NO_LABEL, logits(1, 2), 1, 2);
    assertThat(score.labelled()).isFalse();
    assertThat(score.top1() || score.top5() || score.compared().get(0).top5()).isFalse();
  }

  @Test
  void nonFiniteLogitsNameModelAndImage() {
    for (float bad : new float[] {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY}) {
      assertThatExceptionOfType(NoisyQuantException.class)
          .isThrownBy(() -> score(-1, logits(1, 2), 0, bad))
          .withMessageContainingAll("w4a4", "a.png", "logit 1", String.valueOf(bad))
          .returns(ErrorCode.NON_FINITE_ACTIVATION, NoisyQuantException::code);
    }
  }

  @Test
  void aLabelThatIsNoClassIsAnError() {
    for (int label : new int[] {2, -2}) {
      assertThatExceptionOfType(NoisyQuantException.class)
          .isThrownBy(() -> score(label, logits(1, 2), 1, 2))
          .withMessageContainingAll("label " + label, "a.png", "0 to 1")
          .returns(ErrorCode.LABELS_INVALID, NoisyQuantException::code);
    }
  }

  @Test
  void modelsWithDifferentClassesAreNotComparable() {
    assertThatExceptionOfType(NoisyQuantException.class)
        .isThrownBy(() -> score(-1, logits(1, 2), 1, 2, 3))
        .withMessageContainingAll("fp32", "w4a4", "a.png")
        .returns(ErrorCode.MODEL_UNSUPPORTED, NoisyQuantException::code);
  }

  @Test
  void aModelWithoutLogitsIsRefused() {
    assertThatExceptionOfType(NoisyQuantException.class)
        .isThrownBy(() -> score(-1, logits()))
        .returns(ErrorCode.MODEL_UNSUPPORTED, NoisyQuantException::code);
  }

  @Test
  void logitsOfDifferentImagesAreNotComparable() {
    Logits a = Logits.of("fp32", "a.png", logits(1));
    Logits b = Logits.of("w4a4", "b.png", logits(1));
    assertThatThrownBy(() -> ImageScore.of(-1, a, List.of(b)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContainingAll("a.png", "b.png");
  }
}
