package org.noisyquant.evaluate;

import java.util.Arrays;
import java.util.function.IntToDoubleFunction;

/**
 * A measured value with its 95 % percentile bootstrap interval. May be infinite: see {@link
 * EvaluationResult}.
 *
 * @param value of the images as they are
 * @param low lower end of the interval
 * @param high upper end of the interval
 */
public record Estimate(double value, double low, double high) {
  private static final double TAIL = 0.025;

  /** Checks that these are numbers in order. The value itself may lie outside of its interval. */
  public Estimate {
    if (Double.isNaN(value) || !(low <= high)) {
      throw new IllegalArgumentException("value " + value + ", interval " + low + " … " + high);
    }
  }

  /**
   * Evaluates a statistic on the images and on each replicate. The interval goes from the
   * (k+1)-smallest to the (k+1)-largest replicate, k = ⌊0.025·(R − 1)⌋: no interpolation, which
   * infinities would not survive. Replicates without a defined value (NaN: no image was drawn) are
   * left out; without any the interval is the value.
   *
   * @param statistic of a replicate; of the images as they are for 0
   * @param replicates R
   */
  static Estimate of(IntToDoubleFunction statistic, int replicates) {
    double value = statistic.applyAsDouble(0);
    double[] sorted = new double[replicates];
    int defined = 0;
    for (int r = 1; r <= replicates; r++) {
      double replicate = statistic.applyAsDouble(r);
      if (!Double.isNaN(replicate)) {
        sorted[defined++] = replicate;
      }
    }
    if (defined == 0) {
      return new Estimate(value, value, value);
    }
    Arrays.sort(sorted, 0, defined);
    int k = (int) (TAIL * (defined - 1));
    return new Estimate(value, sorted[k], sorted[defined - 1 - k]);
  }
}
