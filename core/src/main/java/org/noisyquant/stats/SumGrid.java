package org.noisyquant.stats;

import java.io.Serializable;
import org.noisyquant.error.ErrorCode;
import org.noisyquant.error.NoisyQuantException;

/**
 * A power-of-two grid on which sums of doubles are exact: as long as a sum stays below 2^53 grid
 * units, adding rounded values in any order and grouping gives the same bits.
 *
 * @param exponent the grid unit is 2^exponent
 */
public record SumGrid(int exponent) implements Serializable {
  private static final int DOUBLE_BITS = 53;

  /**
   * The finest grid for sums up to a bound, with a factor of two to spare.
   *
   * @param largestSum an upper bound of the sum of all magnitudes, not negative and finite
   */
  public static SumGrid forSumsUpTo(double largestSum) {
    if (!(largestSum >= 0) || Double.isInfinite(largestSum)) {
      throw new IllegalArgumentException("bound of the sum: " + largestSum);
    }
    double bound = Math.max(largestSum, Double.MIN_NORMAL);
    return new SumGrid(Math.max(Math.getExponent(bound) + 3 - DOUBLE_BITS, -1000));
  }

  /**
   * The nearest grid value.
   *
   * @throws NoisyQuantException SUM_OVERFLOW if it alone exceeds the bound, or is NaN
   */
  public double round(double value) {
    double units = Math.rint(Math.scalb(value, -exponent));
    if (!(Math.abs(units) < 0x1p53)) {
      throw new NoisyQuantException(
          ErrorCode.SUM_OVERFLOW,
          value + " exceeds what sums of 2^" + exponent + " hold; please report this");
    }
    return Math.scalb(units, exponent);
  }
}
