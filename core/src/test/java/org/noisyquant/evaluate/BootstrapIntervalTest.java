package org.noisyquant.evaluate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** The intervals against independent ways to get them. */
class BootstrapIntervalTest {
  private static LogitComparison comparison(
      String model, boolean agrees, double kl, double squaredError) {
    return new LogitComparison(model, false, false, agrees, kl, squaredError);
  }

  private static void update(
      EvaluationSums sums, int image, double signal, LogitComparison... compared) {
    sums.update(new ImageScore("i" + image, false, false, false, 0.5, signal, List.of(compared)));
  }

  /** Exponentially distributed values: as skewed as KL per image is. */
  private static double[] exponential(Random random, int n) {
    return random.doubles(n).map(u -> -Math.log1p(-u)).toArray();
  }

  @Test
  void ofAMeanIsThatOfTheNormalApproximation() {
    int images = 400;
    double[] kl = exponential(new Random(11), images);
    EvaluationSums sums = EvaluationSums.empty("fp32", List.of("w4a4"), 1000, 1);
    for (int i = 0; i < images; i++) {
      update(sums, i, 9, comparison("w4a4", true, kl[i], 1));
    }
    Estimate estimate = sums.result().compared().get(0).kl();
    double mean = Arrays.stream(kl).average().orElseThrow();
    double variance = Arrays.stream(kl).map(x -> (x - mean) * (x - mean)).sum() / images;
    double error = Math.sqrt(variance / images);
    assertThat(estimate.value()).isCloseTo(mean, within(1e-12));
    // The 2.5 % quantile of 1000 normal replicates has a standard error of 0.085 (sqrt(p·q/R) over
    // the density); the mean's skewness of 2/sqrt(400) shifts it by 0.05. Tolerance: four and one.
    assertThat(estimate.low()).isCloseTo(mean - 1.96 * error, within(0.39 * error));
    assertThat(estimate.high()).isCloseTo(mean + 1.96 * error, within(0.39 * error));
  }

  @Test
  void ofARatioIsThatOfResamplingWithReplacement() {
    int images = 300;
    int replicates = 1000;
    Random random = new Random(12);
    double[] signal = random.doubles(images, 50, 150).toArray();
    double[] error = exponential(random, images);
    EvaluationSums sums = EvaluationSums.empty("fp32", List.of("w4a4"), replicates, 1);
    for (int i = 0; i < images; i++) {
      update(sums, i, signal[i], comparison("w4a4", true, 0, error[i]));
    }
    Estimate estimate = sums.result().compared().get(0).sqnrDb();
    double[] plain = new double[replicates];
    for (int r = 0; r < replicates; r++) {
      double s = 0;
      double e = 0;
      for (int draw = 0; draw < images; draw++) {
        int i = random.nextInt(images);
        s += signal[i];
        e += error[i];
      }
      plain[r] = 10 * Math.log10(s / e);
    }
    Arrays.sort(plain);
    // Both quantiles have a standard error of 0.085 standard deviations: four times sqrt(2)·0.085.
    double deviation = (plain[975] - plain[24]) / 3.92;
    assertThat(estimate.low()).isCloseTo(plain[24], within(0.48 * deviation));
    assertThat(estimate.high()).isCloseTo(plain[975], within(0.48 * deviation));
  }

  @Test
  void coversTheTruthAboutNineteenTimesInTwenty() {
    Random random = new Random(13);
    int experiments = 400;
    int images = 150;
    int covered = 0;
    for (int e = 0; e < experiments; e++) {
      EvaluationSums sums = EvaluationSums.empty("fp32", List.of("w4a4"), 200, e);
      for (int i = 0; i < images; i++) {
        update(sums, i, 9, comparison("w4a4", random.nextDouble() < 0.7, 0, 1));
      }
      Estimate agreement = sums.result().compared().get(0).agreement();
      if (agreement.low() <= 0.7 && 0.7 <= agreement.high()) {
        covered++;
      }
    }
    // Nominally 0.95, about 0.01 less with 200 replicates and 150 images. The standard error of 400
    // experiments is 0.011: four of them on either side of 0.94.
    assertThat((double) covered / experiments).isBetween(0.896, 0.984);
  }

  @Test
  void ofADifferenceIsNarrowWhereTheModelsAreCorrelated() {
    Random random = new Random(14);
    int images = 300;
    double[] hard = exponential(random, images);
    EvaluationSums sums = EvaluationSums.empty("fp32", List.of("baseline", "noisyquant"), 500, 1);
    for (int i = 0; i < images; i++) {
      double kl = 0.9 * hard[i] + 0.05 * random.nextDouble();
      update(
          sums,
          i,
          9,
          comparison("baseline", true, hard[i], hard[i]),
          comparison("noisyquant", true, kl, 0.9 * hard[i]));
    }
    EvaluationResult result = sums.result();
    // Per image, hard deviates by 1 and the difference by sqrt(0.1² + 0.0144²) = 0.101.
    assertThat(width(result.differences().get(0).kl()) / width(result.compared().get(0).kl()))
        .isCloseTo(0.101, within(0.02));
    // The ratio of errors is 0.9 in every replicate: the SQNR difference has no spread.
    Estimate sqnr = result.differences().get(0).sqnrDb();
    assertThat(sqnr.value()).isCloseTo(-10 * Math.log10(0.9), within(1e-9));
    assertThat(width(sqnr)).isLessThan(1e-9);
  }

  private static double width(Estimate estimate) {
    return estimate.high() - estimate.low();
  }
}
