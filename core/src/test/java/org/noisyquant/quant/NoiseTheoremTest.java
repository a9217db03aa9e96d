package org.noisyquant.quant;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.Random;
import org.junit.jupiter.api.Test;

class NoiseTheoremTest {
  @Test
  void noiseThatReachesNoThresholdCostsItsVariance() {
    assertThat(NoiseTheorem.expectedChange(0.75, 0.5, 1)).isEqualTo(0.25 / 3);
    assertThat(NoiseTheorem.expectedChange(0.5, 0.5, 1)).isEqualTo(0.25 / 3);
  }

  @Test
  void noiseOverTheNearestThresholdFollowsThePaper() {
    // 1/3 − (1/1)(1 − 0.25)² = −0.229167; with h = 2: (1/3)·0.36 − (2/0.6)(0.6 − 0.1)² = −0.713333.
    assertThat(NoiseTheorem.expectedChange(0.25, 1, 1)).isCloseTo(-0.229167, within(1e-6));
    assertThat(NoiseTheorem.expectedChange(0.1, 0.6, 2)).isCloseTo(-0.713333, within(1e-6));
  }

  @Test
  void noiseOverTwoThresholdsGainsAtBoth() {
    // n = 1.75 > 2 − 0.5: 3.0625/3 − (1/1.75)(1.25² + 0.25²) = 0.092262.
    assertThat(NoiseTheorem.expectedChange(0.5, 1.75, 1)).isCloseTo(0.092262, within(1e-6));
  }

  @Test
  void noiseOfAWholeStepMakesTheErrorUniform() {
    // Uniform in ±h: variance h²/3. At a threshold the error was h, at a level 0.
    assertThat(NoiseTheorem.expectedChange(0, 2, 1)).isCloseTo(-2.0 / 3, within(1e-12));
    assertThat(NoiseTheorem.expectedChange(1, 2, 1)).isCloseTo(1.0 / 3, within(1e-12));
  }

  @Test
  void noNoiseChangesNothing() {
    assertThat(NoiseTheorem.expectedChange(0, 0, 1)).isZero();
    assertThat(NoiseTheorem.expectedChange(0.5, 0, 1)).isZero();
  }

  @Test
  void noiseOfOneCellGainsNothingOnAverageOverUniformDistances() {
    int points = 1000;
    double sum = 0;
    for (int i = 0; i < points; i++) {
      sum += NoiseTheorem.expectedChange((i + 0.5) / points, 1, 1);
    }
    // The midpoint rule is off by 2/(24·points²).
    assertThat(sum / points).isCloseTo(0, within(1e-7));
  }

  @Test
  void theChangeIsThatOfAnExactIntegralForAnyNoise() {
    Random random = new Random(21);
    for (int i = 0; i < 1000; i++) {
      double h = Math.exp(2 * random.nextGaussian());
      double x = h * random.nextDouble();
      double n = 5 * h * random.nextDouble();
      double plain = (h - x) * (h - x);
      // With thresholds at 0, 2h, …: the mean over v in x ± n of the squared sawtooth.
      double noisy = (integral(x + n, h) - integral(x - n, h)) / (2 * n);
      assertThat(NoiseTheorem.expectedChange(x, n, h))
          .isCloseTo(noisy - plain, within(1e-9 * h * h));
    }
  }

  /** Of (h − u)² for u in a cell [0, 2h], continued with period 2h, from 0 to v. */
  private static double integral(double v, double h) {
    double cells = Math.floor(v / (2 * h));
    double rest = h - (v - cells * 2 * h);
    return cells * 2 * h * h * h / 3 + (h * h * h - rest * rest * rest) / 3;
  }

  @Test
  void theChangeIsThatOfSimulatedQuantization() {
    Random random = new Random(22);
    for (int trial = 0; trial < 20; trial++) {
      double value = 10 * random.nextGaussian();
      double step = 0.5 + random.nextDouble();
      double n = 1.5 * step * random.nextDouble();
      double plain = round(value, step) - value;
      int draws = 100_000;
      double sum = 0;
      double squares = 0;
      for (int i = 0; i < draws; i++) {
        double noise = n * (2 * random.nextDouble() - 1);
        double error = round(value + noise, step) - noise - value;
        double change = error * error - plain * plain;
        sum += change;
        squares += change * change;
      }
      double mean = sum / draws;
      double standardError = Math.sqrt((squares / draws - mean * mean) / draws);
      double x = NoiseTheorem.distanceToThreshold(value, step);
      assertThat(NoiseTheorem.expectedChange(x, n, step / 2))
          .isCloseTo(mean, within(5 * standardError));
    }
  }

  private static double round(double value, double step) {
    return Math.rint(value / step) * step;
  }

  @Test
  void breakEvenIsThePapersThreshold() {
    // 1 − 1/√3 for n = h, and 0.75·(1 − 1/2) for n = 3h/4.
    assertThat(NoiseTheorem.breakEvenDistance(1, 1)).isCloseTo(0.42265, within(1e-5));
    assertThat(NoiseTheorem.breakEvenDistance(0.75, 1)).isEqualTo(0.375);
  }

  @Test
  void breakEvenOfWideNoiseCountsTheSecondThreshold() {
    // From n³/6h = (n − h)² + (h − x)², for 2h − x < n ≤ 2h + x: at n = 1.8 h, 0.972 − 0.64 = 0.332
    // and x = 1 − √0.332; the paper's formula would say 0.40573.
    assertThat(NoiseTheorem.breakEvenDistance(1.8, 1)).isCloseTo(0.423806, within(1e-6));
    // A whole step: the error h − x against the uniform error's h/√3.
    assertThat(NoiseTheorem.breakEvenDistance(2, 1)).isCloseTo(1 - 1 / Math.sqrt(3), within(1e-14));
  }

  @Test
  void noiseHelpsBelowBreakEvenAndCostsAbove() {
    Random random = new Random(23);
    for (int i = 0; i < 1000; i++) {
      double h = Math.exp(2 * random.nextGaussian());
      double n = h * (0.01 + 5 * random.nextDouble());
      double x = NoiseTheorem.breakEvenDistance(n, h);
      assertThat(NoiseTheorem.expectedChange(Math.max(0, x - 1e-6 * h), n, h)).isNegative();
      assertThat(NoiseTheorem.expectedChange(Math.min(h, x + 1e-6 * h), n, h)).isPositive();
    }
  }

  @Test
  void noNoiseHelpsNowhere() {
    assertThat(NoiseTheorem.breakEvenDistance(0, 1)).isZero();
  }

  @Test
  void thresholdsLieHalfwayBetweenLevels() {
    assertThat(NoiseTheorem.distanceToThreshold(0, 2)).isEqualTo(1);
    assertThat(NoiseTheorem.distanceToThreshold(1, 2)).isZero();
    assertThat(NoiseTheorem.distanceToThreshold(1.25, 2)).isEqualTo(0.25);
    assertThat(NoiseTheorem.distanceToThreshold(-2.5, 2)).isEqualTo(0.5);
    assertThat(NoiseTheorem.distanceToThreshold(4, 2)).isEqualTo(1);
  }

  @Test
  void argumentsOutsideOfTheirRangeAreNamed() {
    assertThatThrownBy(() -> NoiseTheorem.expectedChange(1.5, 1, 1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("1.5");
    assertThatThrownBy(() -> NoiseTheorem.expectedChange(0.5, -1, 1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("-1.0");
    assertThatThrownBy(() -> NoiseTheorem.breakEvenDistance(1, 0))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("0.0");
    assertThatThrownBy(() -> NoiseTheorem.distanceToThreshold(Double.NaN, 1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("NaN");
  }
}
