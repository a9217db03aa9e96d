package org.noisyquant.evaluate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;

class PoissonWeightsTest {
  private static int[] draw(PoissonWeights poisson, String image, int replicates) {
    int[] weights = new int[replicates + 1];
    poisson.draw(image, weights);
    return weights;
  }

  @Test
  void weightsHaveThePoissonDistributionOfMeanOne() {
    PoissonWeights poisson = new PoissonWeights(7);
    double draws = 0;
    double sum = 0;
    double squares = 0;
    double[] frequencies = new double[PoissonWeights.MAX + 1];
    for (int i = 0; i < 1000; i++) {
      int[] weights = draw(poisson, "images/" + i + ".png", 1000);
      for (int r = 1; r < weights.length; r++) {
        draws++;
        sum += weights[r];
        squares += weights[r] * weights[r];
        frequencies[weights[r]]++;
      }
    }
    double mean = sum / draws;
    // A million draws: the mean has a standard error of 0.001, the variance of 0.0017 (fourth
    // central moment 4), a frequency of at most 0.0005. Tolerances are five of those.
    assertThat(mean).isCloseTo(1, within(0.005));
    assertThat(squares / draws - mean * mean).isCloseTo(1, within(0.0087));
    double probability = Math.exp(-1);
    for (int k = 0; k < 8; k++) {
      assertThat(frequencies[k] / draws).isCloseTo(probability, within(0.0025));
      probability /= k + 1;
    }
  }

  @Test
  void weightsOfTwoImagesAreUncorrelated() {
    PoissonWeights poisson = new PoissonWeights(7);
    int[] a = draw(poisson, "a.png", 10_000);
    int[] b = draw(poisson, "b.png", 10_000);
    double covariance = 0;
    for (int r = 1; r < a.length; r++) {
      covariance += (a[r] - 1.0) * (b[r] - 1.0);
    }
    // Standard error 1/sqrt(10000); five of them.
    assertThat(covariance / 10_000).isCloseTo(0, within(0.05));
  }

  @Test
  void weightsDoNotDependOnWhatWasDrawnBefore() {
    int[] alone = draw(new PoissonWeights(7), "a.png", 1000);
    PoissonWeights poisson = new PoissonWeights(7);
    draw(poisson, "b.png", 1000);
    assertThat(draw(poisson, "a.png", 1000)).isEqualTo(alone);
  }

  @Test
  void moreReplicatesKeepTheFirstOnes() {
    PoissonWeights poisson = new PoissonWeights(7);
    assertThat(draw(poisson, "a.png", 100)).startsWith(draw(poisson, "a.png", 10));
  }

  @Test
  void seedAndNameChangeTheWeights() {
    assertThat(draw(new PoissonWeights(7), "a.png", 100))
        .isNotEqualTo(draw(new PoissonWeights(8), "a.png", 100))
        .isNotEqualTo(draw(new PoissonWeights(7), "b.png", 100));
  }

  @Test
  void replicateZeroIsTheImageItself() {
    PoissonWeights poisson = new PoissonWeights(7);
    for (int i = 0; i < 20; i++) {
      assertThat(draw(poisson, "image-" + i, 1)[0]).isEqualTo(1);
    }
  }
}
