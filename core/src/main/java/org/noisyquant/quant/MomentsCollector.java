package org.noisyquant.quant;

import java.util.ArrayList;
import java.util.List;
import org.noisyquant.error.ErrorCode;
import org.noisyquant.error.NoisyQuantException;
import org.noisyquant.stats.CodeProducts;
import org.noisyquant.stats.InputMoments;

/**
 * Quantizes a site's inputs in one or several ways and sums the moments of each: E over weighted
 * tokens of z = q(x + N) − N and of x, see {@link InputMoments}. Tokens are kept as bytes until
 * there are enough for a product to be worth its call. Mutable, not thread-safe.
 */
public final class MomentsCollector {
  /** So many that adding a product's result to the sums takes no more time than the product. */
  private static final int TOKENS_AT_ONCE = 1024;

  private static final int SPECIAL_AT_ONCE = 64;

  /** How far a magnitude may be above what it was when statistics were taken. */
  private static final float HEADROOM = 1.001f;

  private final List<NoisyQuantizer> quantizers;
  private final int channels;
  private final float[] perUnit;
  private final CodeProducts products;
  private final List<InputMoments> moments = new ArrayList<>();
  private final Block ordinary;
  private final Block special;
  private final float[] row;
  private final float[] levels;
  private final byte[] codes;
  private final byte[] high;
  private final byte[] low;

  /** Tokens of one weight. */
  private static final class Block {
    /** For each quantizer [tokens, columns]. */
    private final byte[][] a;

    private final int capacity;
    private int tokens;
    private double weight = 1;

    Block(int quantizers, int capacity, int columns) {
      this.capacity = capacity;
      a = new byte[quantizers][capacity * columns];
    }
  }

  /**
   * Prepares sums of no token.
   *
   * @param site topological index of the site
   * @param quantizers q and N, one or several of as many channels
   * @param absMax largest |x| of each channel [channels], a thousandth more is allowed
   * @param cross whether E[z_i·x_j] is wanted
   * @param products multiplies
   */
  public MomentsCollector(
      int site,
      List<NoisyQuantizer> quantizers,
      float[] absMax,
      boolean cross,
      CodeProducts products) {
    this.quantizers = List.copyOf(quantizers);
    this.products = products;
    channels = absMax.length;
    float[] units = units(absMax);
    perUnit = new float[channels];
    for (int c = 0; c < channels; c++) {
      perUnit[c] = 1 / units[c];
    }
    for (NoisyQuantizer q : quantizers) {
      moments.add(
          InputMoments.empty(site, cross, new InputMoments.Scales(q.steps(), q.noise(), units)));
    }
    int columns = InputMoments.columns(channels);
    ordinary = new Block(quantizers.size(), TOKENS_AT_ONCE, columns);
    special = new Block(quantizers.size(), SPECIAL_AT_ONCE, columns);
    row = new float[channels];
    levels = new float[channels];
    codes = new byte[channels];
    high = new byte[channels];
    low = new byte[channels];
  }

  /**
   * Bytes that a collector takes on the heap for each quantizer.
   *
   * @param channels C
   * @param cross whether with E[z_i·x_j]
   */
  public static long bytes(int channels, boolean cross) {
    return InputMoments.bytes(channels, cross)
        + (long) (TOKENS_AT_ONCE + SPECIAL_AT_ONCE) * InputMoments.columns(channels);
  }

  /**
   * Adds tokens of one image.
   *
   * @param x [tokens, channels], row-major
   * @param specials how many tokens at the start have another weight than 1
   * @param specialWeight their weight, positive; rounded to 256ths
   * @throws NoisyQuantException NON_FINITE_ACTIVATION at NaN or infinity, SUM_OVERFLOW for more
   *     than a thousandth above the largest magnitude of the channel, both naming it
   */
  public void add(float[] x, int tokens, int specials, double specialWeight) {
    checkMagnitudes(x, tokens);
    if (specialWeight != special.weight) {
      flush(special);
      special.weight = specialWeight;
    }
    for (int t = 0; t < tokens; t++) {
      add(x, t, t < specials ? special : ordinary);
    }
  }

  /**
   * The moments of all tokens so far, in the order of the quantizers; more may be added and the
   * moments then taken again.
   */
  public List<InputMoments> moments() {
    flush(ordinary);
    flush(special);
    return List.copyOf(moments);
  }

  private void add(float[] x, int token, Block block) {
    int start = block.tokens * InputMoments.columns(channels);
    System.arraycopy(x, token * channels, row, 0, channels);
    split(row, perUnit, high, low);
    for (int k = 0; k < block.a.length; k++) {
      byte[] a = block.a[k];
      quantizers.get(k).levels(row, levels);
      toBytes(levels, codes);
      a[start] = 1;
      System.arraycopy(codes, 0, a, start + 1, channels);
      System.arraycopy(high, 0, a, start + 1 + channels, channels);
      System.arraycopy(low, 0, a, start + 1 + 2 * channels, channels);
    }
    block.tokens++;
    if (block.tokens == block.capacity) {
      flush(block);
    }
  }

  private static void toBytes(float[] levels, byte[] codes) {
    for (int c = 0; c < codes.length; c++) {
      codes[c] = (byte) Float.floatToRawIntBits(levels[c] + NoisyQuantizer.ROUND);
    }
  }

  /** n = 256·high + low: the lowest 16 of the bits. */
  private static void split(float[] row, float[] perUnit, byte[] high, byte[] low) {
    for (int c = 0; c < low.length; c++) {
      int n = Float.floatToRawIntBits(row[c] * perUnit[c] + NoisyQuantizer.ROUND);
      high[c] = (byte) ((n + 128) >> 8);
      low[c] = (byte) n;
    }
  }

  private void flush(Block block) {
    for (int k = 0; k < block.a.length; k++) {
      moments.get(k).add(block.a[k], block.tokens, block.weight, products);
    }
    block.tokens = 0;
  }

  private static float[] units(float[] absMax) {
    float largest = 0;
    for (float value : absMax) {
      largest = Math.max(largest, value);
    }
    // A channel that was always zero may be a rounding error on another machine.
    float least = largest > 0 ? Math.max(largest * 0x1p-20f, Float.MIN_NORMAL * 0x1p20f) : 1;
    float[] units = new float[absMax.length];
    for (int c = 0; c < units.length; c++) {
      units[c] = Math.max(absMax[c], least) * HEADROOM / InputMoments.MAX_INPUT;
    }
    return units;
  }

  private void checkMagnitudes(float[] x, int tokens) {
    float[] largest = new float[channels];
    for (int t = 0; t < tokens; t++) {
      System.arraycopy(x, t * channels, row, 0, channels);
      extend(row, largest);
    }
    for (int c = 0; c < channels; c++) {
      if (!Float.isFinite(largest[c])) {
        throw new NoisyQuantException(
            ErrorCode.NON_FINITE_ACTIVATION,
            "site " + moments.get(0).site() + ": activation is " + largest[c] + " in channel " + c);
      }
      if (largest[c] * perUnit[c] > InputMoments.MAX_INPUT) {
        throw new NoisyQuantException(
            ErrorCode.SUM_OVERFLOW,
            String.format(
                "site %d: |%s| in channel %d exceeds what the moments are made for; please report"
                    + " this",
                moments.get(0).site(), largest[c], c));
      }
    }
  }

  /** HotSpot vectorizes this loop because both arrays share one index. NaN stays. */
  private static void extend(float[] row, float[] largest) {
    for (int c = 0; c < row.length; c++) {
      largest[c] = Math.max(largest[c], Math.abs(row[c]));
    }
  }
}
