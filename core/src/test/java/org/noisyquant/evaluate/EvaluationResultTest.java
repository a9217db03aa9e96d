package org.noisyquant.evaluate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.function.IntFunction;
import org.junit.jupiter.api.Test;

class EvaluationResultTest {
  /** Of "baseline" and "noisyquant", each given by its LogitComparison. */
  private static EvaluationResult evaluate(int images, IntFunction<ImageScore> score) {
    EvaluationSums sums = EvaluationSums.empty("fp32", List.of("baseline", "noisyquant"), 100, 1);
    for (int i = 0; i < images; i++) {
      sums.update(score.apply(i));
    }
    return sums.result();
  }

  private static ImageScore labelled(
      int i, boolean correct, LogitComparison baseline, LogitComparison noisy) {
    return new ImageScore(
        "i" + i, true, correct, true, confidence(i), 100, List.of(baseline, noisy));
  }

  /** 1, 1/2, 1/4, 1/8, 1, ... */
  private static double confidence(int i) {
    return 1.0 / (1 << i % 4);
  }

  private static ImageScore unlabelled(int i) {
    return new ImageScore(
        "i" + i,
        false,
        false,
        false,
        0.5,
        100,
        List.of(
            new LogitComparison("baseline", false, false, true, 1, 1),
            new LogitComparison("noisyquant", false, false, true, 1, 1)));
  }

  private static LogitComparison baseline(boolean correct, double kl, double squaredError) {
    return new LogitComparison("baseline", correct, true, correct, kl, squaredError);
  }

  private static LogitComparison noisy(boolean correct, double kl, double squaredError) {
    return new LogitComparison("noisyquant", correct, true, correct, kl, squaredError);
  }

  /** Four images: KL 2 or 1 on the first, else 0; signal 400, errors 40 and 4 in all. */
  private static EvaluationResult fourImages() {
    return evaluate(
        4,
        i ->
            labelled(
                i, true, baseline(i > 1, i == 0 ? 2 : 0, 10), noisy(i > 0, i == 0 ? 1 : 0, 1)));
  }

  @Test
  void valuesAreThoseComputedByHand() {
    EvaluationResult result = fourImages();
    assertThat(result.images()).isEqualTo(4);
    assertThat(result.labelledImages()).isEqualTo(4);
    assertThat(result.referenceAccuracy().orElseThrow().top1()).isEqualTo(new Estimate(1, 1, 1));
    ModelScore baseline = result.compared().get(0);
    ModelScore noisy = result.compared().get(1);
    assertThat(baseline.accuracy().orElseThrow().top1().value()).isEqualTo(0.5);
    assertThat(baseline.accuracy().orElseThrow().top5().value()).isEqualTo(1);
    assertThat(noisy.accuracy().orElseThrow().top1().value()).isEqualTo(0.75);
    assertThat(noisy.agreement().value()).isEqualTo(0.75);
    assertThat(baseline.kl().value()).isEqualTo(0.5);
    assertThat(noisy.kl().value()).isEqualTo(0.25);
    assertThat(baseline.sqnrDb().value()).isEqualTo(10);
    assertThat(noisy.sqnrDb().value()).isEqualTo(20);
  }

  @Test
  void differencesAreThoseComputedByHand() {
    PairedDifference difference = fourImages().differences().get(0);
    assertThat(difference.model()).isEqualTo("noisyquant");
    assertThat(difference.baseline()).isEqualTo("baseline");
    assertThat(difference.accuracy().orElseThrow().top1().value()).isEqualTo(0.25);
    assertThat(difference.accuracy().orElseThrow().top5().value()).isEqualTo(0);
    assertThat(difference.agreement().value()).isEqualTo(0.25);
    assertThat(difference.kl().value()).isEqualTo(-0.25);
    assertThat(difference.sqnrDb().value()).isEqualTo(10);
    assertThat(difference.klGain().value()).isEqualTo(0.5);
  }

  @Test
  void metricsHaveFlatNamesUnderThePrefixes() {
    assertThat(fourImages().toMetrics(List.of("fp32", "min", "new")))
        .containsEntry("fp32.top1", 1.0)
        .containsEntry("fp32.top5.high", 1.0)
        .containsEntry("fp32.confidence", (1 + 0.5 + 0.25 + 0.125) / 4)
        .containsEntry("min.top1", 0.5)
        .containsEntry("new.kl", 0.25)
        .containsEntry("new.agreement", 0.75)
        .containsEntry("new.sqnrDb", 20.0)
        .containsEntry("new.kl.gain", 0.5)
        .containsEntry("new.top1.difference", 0.25)
        .containsKeys("min.kl.low", "min.kl.high", "new.kl.gain.low", "new.kl.gain.high")
        .doesNotContainKeys("fp32.kl", "fp32.sqnrDb", "fp32.agreement", "min.kl.gain")
        // FP32 has 3 estimates, the baseline 5, the other 5 and 6 differences; 3 numbers each.
        .hasSize(3 * (3 + 5 + 11));
  }

  @Test
  void metricsAreNamedByTheModelsWhereNothingElseIsAskedFor() {
    assertThat(fourImages().toMetrics())
        .isEqualTo(fourImages().toMetrics(List.of("fp32", "baseline", "noisyquant")));
  }

  @Test
  void prefixesMustBeOneForEachModel() {
    for (List<String> prefixes : List.of(List.of("a", "b"), List.of("a", "b", "b"))) {
      assertThatThrownBy(() -> fourImages().toMetrics(prefixes))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining(prefixes.toString());
    }
  }

  @Test
  void withoutLabelsThereIsNoAccuracy() {
    EvaluationResult result = evaluate(3, EvaluationResultTest::unlabelled);
    assertThat(result.labelledImages()).isZero();
    assertThat(result.referenceAccuracy()).isEmpty();
    assertThat(result.referenceConfidence()).isEmpty();
    assertThat(result.differences().get(0).accuracy()).isEmpty();
    assertThat(result.toMetrics().keySet()).noneMatch(name -> name.matches(".*(top|confidence).*"));
  }

  @Test
  void accuracyIsThatOfTheLabelledImages() {
    EvaluationResult result =
        evaluate(
            4,
            i ->
                i < 2
                    ? labelled(i, i == 0, baseline(true, 0, 1), noisy(false, 0, 1))
                    : unlabelled(i));
    assertThat(result.images()).isEqualTo(4);
    assertThat(result.labelledImages()).isEqualTo(2);
    assertThat(result.referenceAccuracy().orElseThrow().top1().value()).isEqualTo(0.5);
    assertThat(result.referenceConfidence().orElseThrow().value()).isEqualTo((1 + 0.5) / 2);
    assertThat(result.compared().get(0).accuracy().orElseThrow().top1().value()).isEqualTo(1);
  }

  @Test
  void anExactModelHasInfiniteSqnrThatMetricsLeaveOut() {
    EvaluationResult result =
        evaluate(5, i -> labelled(i, true, baseline(true, 0.5, 1), noisy(true, 0, 0)));
    double infinity = Double.POSITIVE_INFINITY;
    assertThat(result.compared().get(1).sqnrDb())
        .isEqualTo(new Estimate(infinity, infinity, infinity));
    assertThat(result.toMetrics())
        .doesNotContainKeys("noisyquant.sqnrDb", "noisyquant.sqnrDb.difference")
        .containsKeys("baseline.sqnrDb", "noisyquant.kl")
        .allSatisfy((name, value) -> assertThat(value).isFinite());
    assertThat(result.toText()).contains("inf [inf, inf]");
  }

  @Test
  void twoExactModelsDoNotDiffer() {
    PairedDifference difference =
        evaluate(5, i -> labelled(i, true, baseline(true, 0, 0), noisy(true, 0, 0)))
            .differences()
            .get(0);
    assertThat(difference.sqnrDb()).isEqualTo(new Estimate(0, 0, 0));
    assertThat(difference.klGain()).isEqualTo(new Estimate(0, 0, 0));
  }

  @Test
  void replicatesWithoutAnyImageAreLeftOut() {
    // About 37 of 100 replicates do not draw the only image; in all others the mean is its value.
    EvaluationResult result =
        evaluate(1, i -> labelled(i, true, baseline(true, 0.5, 1), noisy(true, 0.25, 1)));
    assertThat(result.compared().get(0).kl()).isEqualTo(new Estimate(0.5, 0.5, 0.5));
    assertThat(result.compared().get(0).sqnrDb()).isEqualTo(new Estimate(20, 20, 20));
  }

  @Test
  void aReferenceWithoutComparisonsHasItsAccuracy() {
    EvaluationSums sums = EvaluationSums.empty("fp32", List.of(), 20, 1);
    sums.update(new ImageScore("a", true, true, true, 0.5, 4, List.of()));
    assertThat(sums.result().toMetrics())
        .containsOnlyKeys(
            "fp32.confidence",
            "fp32.confidence.low",
            "fp32.confidence.high",
            "fp32.top1",
            "fp32.top1.low",
            "fp32.top1.high",
            "fp32.top5",
            "fp32.top5.low",
            "fp32.top5.high");
  }

  @Test
  void textIsAnAlignedAsciiTable() {
    EvaluationResult result =
        evaluate(9, i -> labelled(i, true, baseline(false, 0.5, 10), noisy(true, 0.125, 1)));
    assertThat(result.toText())
        .isEqualTo(
            """
            9 images, 9 with labels; 95 % intervals of 100 bootstrap replicates in brackets

            model                                  top-1 %               top-5 %              agreement %                  KL nats                  SQNR dB
            fp32                      100.0 [100.0, 100.0]  100.0 [100.0, 100.0]                        -                        -                        -
            baseline                        0.0 [0.0, 0.0]  100.0 [100.0, 100.0]           0.0 [0.0, 0.0]     0.500 [0.500, 0.500]     10.00 [10.00, 10.00]
            noisyquant                100.0 [100.0, 100.0]  100.0 [100.0, 100.0]     100.0 [100.0, 100.0]     0.125 [0.125, 0.125]     20.00 [20.00, 20.00]
            noisyquant - baseline  +100.0 [+100.0, +100.0]     +0.0 [+0.0, +0.0]  +100.0 [+100.0, +100.0]  -0.375 [-0.375, -0.375]  +10.00 [+10.00, +10.00]

            noisyquant against baseline, paired on the same images: KL gain +75.0 [+75.0, +75.0] %
            """);
  }

  @Test
  void theIntervalLeavesTwoAndAHalfPercentOnEachSide() {
    // Replicates 1 … 1000 as values: the 25th smallest and the 25th largest.
    assertThat(Estimate.of(r -> r == 0 ? 500 : r, 1000)).isEqualTo(new Estimate(500, 25, 976));
  }

  @Test
  void anEstimateMustBeANumber() {
    assertThatThrownBy(() -> new Estimate(Double.NaN, 0, 1))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> new Estimate(1, 2, 1)).isInstanceOf(IllegalArgumentException.class);
  }
}
