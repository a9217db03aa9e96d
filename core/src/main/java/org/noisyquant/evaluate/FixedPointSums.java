package org.noisyquant.evaluate;

import java.nio.ByteBuffer;

/**
 * Accumulator of Σ weight·value, value ≥ 0, for each replicate, exact in any order.
 *
 * <p>A value is rounded to a multiple of 2^-64 (5.4e-20), once, half to even; the sum is a 128-bit
 * integer of such units, below 2^63 (9.2e18). Values from 2^-12 (2.4e-4) up are multiples of 2^-64
 * already and lose nothing; below that the relative error is at most 2^-65 / value: 2.7e-14 at
 * 1e-6, 2.7e-8 at 1e-12. Integer addition makes sums associative and commutative bit for bit. A sum
 * that leaves the range is an ArithmeticException and leaves this accumulator unusable.
 */
final class FixedPointSums {
  /** Values must be smaller, so that no weight times a value overflows. */
  static final double LIMIT = 0x1p58;

  // The sum of replicate r is high[r] + low[r]·2^-64 with low unsigned and high not negative.
  private final long[] high;
  private final long[] low;

  FixedPointSums(int replicates) {
    high = new long[replicates];
    low = new long[replicates];
  }

  /** Adds weight·value to each replicate; 0 ≤ value, and ArithmeticException from LIMIT up. */
  void add(double value, int[] weights) {
    if (!(value >= 0 && value < LIMIT)) {
      throw new ArithmeticException("value " + value + " is not in 0 … 2^58");
    }
    long whole = (long) value;
    // Scaling by powers of two and removing integer parts is exact; only the last rint rounds. It
    // cannot carry into whole: a double just below 1 is a multiple of 2^-53.
    double upper = (value - whole) * 0x1p32;
    long upperBits = (long) upper;
    long fraction = (upperBits << 32) + (long) Math.rint((upper - upperBits) * 0x1p32);
    long[] multipleHigh = new long[PoissonWeights.MAX + 1];
    long[] multipleLow = new long[PoissonWeights.MAX + 1];
    for (int w = 1; w < multipleLow.length; w++) {
      multipleLow[w] = multipleLow[w - 1] + fraction;
      multipleHigh[w] = multipleHigh[w - 1] + whole + carry(multipleLow[w], fraction);
    }
    long signs = 0;
    for (int r = 0; r < high.length; r++) {
      int w = weights[r];
      low[r] += multipleLow[w];
      high[r] += multipleHigh[w] + carry(low[r], multipleLow[w]);
      signs |= high[r];
    }
    checkRange(signs);
  }

  void merge(FixedPointSums other) {
    long signs = 0;
    for (int r = 0; r < high.length; r++) {
      low[r] += other.low[r];
      high[r] += other.high[r] + carry(low[r], other.low[r]);
      signs |= high[r];
    }
    checkRange(signs);
  }

  /** The sum, rounded to double. */
  double get(int replicate) {
    double upper = low[replicate] >>> 32;
    double lower = low[replicate] & 0xffffffffL;
    return high[replicate] + (upper * 0x1p-32 + lower * 0x1p-64);
  }

  void write(ByteBuffer target) {
    for (int r = 0; r < high.length; r++) {
      target.putLong(high[r]).putLong(low[r]);
    }
  }

  /** Returns whether what was read can be sums. */
  boolean read(ByteBuffer source) {
    long signs = 0;
    for (int r = 0; r < high.length; r++) {
      high[r] = source.getLong();
      low[r] = source.getLong();
      signs |= high[r];
    }
    return signs >= 0;
  }

  private static long carry(long sum, long addend) {
    return Long.compareUnsigned(sum, addend) < 0 ? 1 : 0;
  }

  private static void checkRange(long signs) {
    // Both addends were below 2^63, so their sum shows an overflow in the sign bit.
    if (signs < 0) {
      throw new ArithmeticException("sum exceeds 2^63");
    }
  }
}
