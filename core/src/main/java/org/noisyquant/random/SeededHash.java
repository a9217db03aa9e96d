package org.noisyquant.random;

/**
 * Counter-based randomness: a 64-bit hash of a seed and coordinates (SplitMix64 finalizer). The
 * same coordinates give the same value on every machine, in any order, in any partition.
 */
public final class SeededHash {
  private static final long GOLDEN_GAMMA = 0x9E3779B97F4A7C15L;
  private static final double TWO_POW_MINUS_53 = 0x1p-53;

  private SeededHash() {}

  /** A hash of {@code seed} and one coordinate, uniform over all 64-bit values. */
  public static long hash(long seed, long coordinate) {
    return mix(mix(seed + GOLDEN_GAMMA) ^ (coordinate * GOLDEN_GAMMA + GOLDEN_GAMMA));
  }

  /** A hash of {@code seed} and two coordinates. */
  public static long hash(long seed, long first, long second) {
    return hash(hash(seed, first), second);
  }

  /** A hash of {@code seed} and the UTF-16 characters of a text. */
  public static long hash(long seed, String text) {
    long h = hash(seed, text.length());
    for (int i = 0; i < text.length(); i++) {
      h = hash(h, text.charAt(i));
    }
    return h;
  }

  /** The value in [0, 1) of the upper 53 bits of a hash. */
  public static double unit(long hash) {
    return (hash >>> 11) * TWO_POW_MINUS_53;
  }

  private static long mix(long z) {
    long y = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
    y = (y ^ (y >>> 27)) * 0x94D049BB133111EBL;
    return y ^ (y >>> 31);
  }
}
