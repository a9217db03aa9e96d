package org.noisyquant.evaluate;

import java.util.Arrays;
import org.noisyquant.random.SeededHash;

/**
 * Weights of the Poisson bootstrap: how often an image counts in each replicate.
 *
 * <p>Resampling n images with replacement gives each image a Binomial(n, 1/n) weight; drawing
 * Poisson(1) weights instead needs neither n nor the other images (Chamandy et al., <i>Estimating
 * Uncertainty for Massive Data Streams</i>, 2012). The weight is a function of (seed, image name,
 * replicate) and of nothing else, so partitions and orders do not change it and all models of one
 * image share it: that is what pairs them.
 *
 * <p>The weight is the inverse of the distribution function at 63 bits of {@link SeededHash}.
 * Probabilities below 2^-53 are lost: no weight exceeds {@link #MAX}.
 */
final class PoissonWeights {
  /** P(weight ≤ k)·2^63; a weight is the number of entries not above the drawn bits. */
  private static final long[] CUMULATIVE = cumulative();

  /** The largest weight that can be drawn. */
  static final int MAX = CUMULATIVE.length;

  private final long seed;

  PoissonWeights(long seed) {
    this.seed = seed;
  }

  /** Fills weights[1…] with the image's weights; weights[0] = 1 stands for the images as given. */
  void draw(String image, int[] weights) {
    long key = SeededHash.hash(seed, image);
    weights[0] = 1;
    for (int r = 1; r < weights.length; r++) {
      long bits = SeededHash.hash(key, r) >>> 1;
      int weight = 0;
      while (weight < MAX && bits >= CUMULATIVE[weight]) {
        weight++;
      }
      weights[r] = weight;
    }
  }

  private static long[] cumulative() {
    long[] thresholds = new long[64];
    double term = StrictMath.exp(-1);
    double sum = term;
    int length = 0;
    while (sum < 1 && (length == 0 || sum * 0x1p63 > thresholds[length - 1])) {
      thresholds[length++] = (long) (sum * 0x1p63);
      term /= length;
      sum += term;
    }
    return Arrays.copyOf(thresholds, length);
  }
}
