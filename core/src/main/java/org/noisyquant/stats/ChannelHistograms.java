package org.noisyquant.stats;

import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Arrays;
import org.noisyquant.error.ErrorCode;
import org.noisyquant.error.NoisyQuantException;

/**
 * One histogram of activations per channel: {@value #BINS} bins of width 2^k aligned at zero, bin i
 * counting k-multiples ⌊x / 2^k⌋ = i − 512. Each channel's k starts at {@value #MIN_EXPONENT} and
 * grows to the smallest value for which all |x| &lt; 2^(k+9): it depends on the set of values only,
 * not on their order. Counts are integers and bins of k are unions of bins of k − 1, so merging is
 * exact, associative and commutative. Minimum and maximum of each channel are kept exactly.
 *
 * <p>Mutable accumulator, not thread-safe. Takes 5 KiB per channel, independent of how many values
 * are counted.
 */
public final class ChannelHistograms {
  /** Bins per channel. */
  public static final int BINS = 1024;

  /** The smallest exponent of a bin's width. */
  public static final int MIN_EXPONENT = -40;

  private static final int HALF = BINS / 2;
  private static final int LOG2_HALF = 9;

  /**
   * Values are located on a grid of this many points in each bin, by rounding, which vectorizes.
   * Only what falls on a border of a bin, one value in 4096, may have come from the bin below.
   */
  private static final int FRACTION = 4096;

  private static final int LOG2_FRACTION = 12;

  /** Adding 1.5·2^23 rounds |position| ≤ 2^22 and leaves it in the low bits of the float. */
  private static final float ROUND = 0x1.8p23f;

  private static final int ROUND_BITS = Float.floatToRawIntBits(ROUND);

  /** Values that are worked on at once, at most: their positions stay in the second-level cache. */
  private static final int TILE_VALUES = 1 << 15;

  private static final int LINE_FLOATS = 16;

  private static final int BYTE_VALUES = 256;

  /** Bytes of a count, at most. */
  private static final int MAX_VARINT = 5;

  /** Exponent, scale, minimum and maximum, and whether {@link #counts} hold anything. */
  private static final int CHANNEL_BYTES = 17;

  private static final int TILE_TOKENS = TILE_VALUES / LINE_FLOATS;

  private final int channels;
  private final int[] counts;

  /**
   * What is not in {@link #counts} yet. An increment of a byte touches a quarter of the memory that
   * one of an int would, and the bins of all sites of a model do not fit a cache.
   */
  private final byte[] recent;

  /** Of which channels {@link #counts} hold anything: of others they need not be fetched. */
  private final boolean[] counted;

  private final int[] exponents;
  private final float[] scales;
  private final float[] minimum;
  private final float[] maximum;
  private long tokens;

  private ChannelHistograms(int channels) {
    this.channels = channels;
    counts = new int[Math.multiplyExact(channels, BINS)];
    recent = new byte[counts.length];
    counted = new boolean[channels];
    exponents = new int[channels];
    scales = new float[channels];
    minimum = new float[channels];
    maximum = new float[channels];
    Arrays.fill(minimum, Float.POSITIVE_INFINITY);
    Arrays.fill(maximum, Float.NEGATIVE_INFINITY);
    for (int c = 0; c < channels; c++) {
      setExponent(c, MIN_EXPONENT);
    }
  }

  /** Histograms of no value. */
  public static ChannelHistograms empty(int channels) {
    if (channels < 1) {
      throw new IllegalArgumentException("channels must be positive: " + channels);
    }
    return new ChannelHistograms(channels);
  }

  /** Bytes of heap that histograms take. */
  public static long bytes(int channels) {
    return channels * ((Integer.BYTES + 1L) * BINS + CHANNEL_BYTES);
  }

  /**
   * Counts activations.
   *
   * @param x [tokens, channels], row-major
   * @param from first token to count
   * @param to end of the tokens to count
   * @throws NoisyQuantException NON_FINITE_ACTIVATION at NaN or infinity, naming the channel; then
   *     nothing of this call is counted
   */
  public void update(float[] x, int from, int to) {
    if (to < from) {
      throw new IllegalArgumentException("tokens " + from + " to " + to);
    }
    long total = tokens + (to - from);
    if (total > Integer.MAX_VALUE) {
      throw tooManyTokens(total);
    }
    if (to > from) {
      widenFor(x, from, to);
      for (int t = from; t < to; t += TILE_TOKENS) {
        count(x, t, Math.min(to, t + TILE_TOKENS));
      }
    }
    tokens = total;
  }

  /** Adds what another one counted; the other stays as it is. */
  public void merge(ChannelHistograms other) {
    if (other.channels != channels) {
      throw new NoisyQuantException(
          ErrorCode.STATISTICS_INVALID,
          "cannot merge histograms of " + channels + " and " + other.channels + " channels");
    }
    long total = tokens + other.tokens;
    if (total > Integer.MAX_VALUE) {
      throw tooManyTokens(total);
    }
    for (int c = 0; c < channels; c++) {
      coarsen(c, Math.max(exponents[c], other.exponents[c]));
      int shift = exponents[c] - other.exponents[c];
      int base = c * BINS;
      for (int i = 0; i < BINS; i++) {
        add(base + HALF + shiftRight(i - HALF, shift), other.total(base + i));
      }
      minimum[c] = Math.min(minimum[c], other.minimum[c]);
      maximum[c] = Math.max(maximum[c], other.maximum[c]);
    }
    tokens = total;
  }

  /** Channels C. */
  public int channels() {
    return channels;
  }

  /** Counted tokens: every channel's counts add up to this. */
  public long tokens() {
    return tokens;
  }

  /** k of a channel: its bins are 2^k wide. */
  public int exponent(int channel) {
    return exponents[channel];
  }

  /** How many values of a channel lie in bin i: in [(i − 512)·2^k, (i − 511)·2^k). */
  public int count(int channel, int bin) {
    return total(channel * BINS + bin);
  }

  /** The smallest value of a channel; +∞ if none was counted. */
  public float minimum(int channel) {
    return minimum[channel];
  }

  /** The largest value of a channel; −∞ if none was counted. */
  public float maximum(int channel) {
    return maximum[channel];
  }

  /** The largest magnitude of a channel; 0 if none was counted. */
  public float absMax(int channel) {
    return tokens == 0 ? 0f : Math.max(Math.abs(minimum[channel]), Math.abs(maximum[channel]));
  }

  void write(DataOutputStream out) throws IOException {
    byte[] varints = new byte[MAX_VARINT * BINS];
    out.writeLong(tokens);
    for (int c = 0; c < channels; c++) {
      out.writeByte(exponents[c]);
      out.writeFloat(minimum[c]);
      out.writeFloat(maximum[c]);
      int base = c * BINS;
      int first = 0;
      while (first < BINS && total(base + first) == 0) {
        first++;
      }
      int end = BINS;
      while (end > first && total(base + end - 1) == 0) {
        end--;
      }
      out.writeShort(first);
      out.writeShort(end);
      int size = 0;
      for (int i = first; i < end; i++) {
        size = putVarint(varints, size, total(base + i));
      }
      out.write(varints, 0, size);
    }
  }

  /**
   * Histograms from what {@link #write} wrote.
   *
   * @throws IOException if it is damaged
   * @throws java.nio.BufferUnderflowException if it is too short
   */
  static ChannelHistograms read(ByteBuffer in, int channels) throws IOException {
    ChannelHistograms h = empty(channels);
    h.tokens = in.getLong();
    for (int c = 0; c < channels; c++) {
      int exponent = in.get();
      h.minimum[c] = in.getFloat();
      h.maximum[c] = in.getFloat();
      int first = in.getShort();
      int end = in.getShort();
      if (exponent < MIN_EXPONENT || first < 0 || end < first || end > BINS) {
        throw new IOException("channel " + c + ": exponent " + exponent + ", " + first + "–" + end);
      }
      h.setExponent(c, exponent);
      long sum = 0;
      for (int i = first; i < end; i++) {
        int count = getVarint(in);
        h.add(c * BINS + i, count);
        sum += count;
      }
      if (sum != h.tokens) {
        throw new IOException("channel " + c + " counts " + sum + " of " + h.tokens + " tokens");
      }
    }
    return h;
  }

  /** Takes in the extremes of these tokens and makes the bins wide enough for them. */
  private void widenFor(float[] x, int from, int to) {
    float[] low = Arrays.copyOfRange(x, from * channels, (from + 1) * channels);
    float[] high = low.clone();
    float[] row = new float[channels];
    for (int t = from + 1; t < to; t++) {
      System.arraycopy(x, t * channels, row, 0, channels);
      extend(row, low, high);
    }
    for (int c = 0; c < channels; c++) {
      // NaN is both extremes, by the rules of min and max.
      if (!Float.isFinite(low[c]) || !Float.isFinite(high[c])) {
        throw new NoisyQuantException(
            ErrorCode.NON_FINITE_ACTIVATION,
            "activation is " + (Float.isFinite(low[c]) ? high[c] : low[c]) + " in channel " + c);
      }
    }
    extend(low, minimum, maximum);
    extend(high, minimum, maximum);
    for (int c = 0; c < channels; c++) {
      float largest = Math.max(Math.abs(low[c]), Math.abs(high[c]));
      coarsen(c, Math.max(exponents[c], Math.getExponent(largest) + 1 - LOG2_HALF));
    }
  }

  /** HotSpot vectorizes this loop because all arrays share one index. */
  private static void extend(float[] row, float[] low, float[] high) {
    for (int c = 0; c < row.length; c++) {
      low[c] = Math.min(low[c], row[c]);
      high[c] = Math.max(high[c], row[c]);
    }
  }

  /**
   * Counts values that fit the bins, in tiles of all these tokens and as many channels as the cache
   * holds: each channel's bins are fetched once.
   */
  private void count(float[] x, int from, int to) {
    int lines = Math.max(1, TILE_VALUES / (to - from) / LINE_FLOATS);
    int width = Math.min(channels, lines * LINE_FLOATS);
    int length = rowLength(width);
    float[] positions = new float[length * (to - from)];
    for (int c = 0; c < channels; c += width) {
      int end = Math.min(channels, c + width);
      toPositions(x, from, to, c, end, positions, length);
      for (int channel = c; channel < end; channel++) {
        countChannel(channel, x, from, to - from, positions, channel - c, length);
      }
    }
  }

  /**
   * Positions of one token take an odd number of cache lines, so that those of one channel lie in
   * different sets of the first-level cache and are still there for the channel's neighbours.
   */
  private static int rowLength(int width) {
    return ((width + LINE_FLOATS - 1) / LINE_FLOATS | 1) * LINE_FLOATS;
  }

  /**
   * Positions of a tile.
   *
   * @param positions [tokens, length], in {@value #FRACTION}ths of a bin, rounded
   */
  private void toPositions(
      float[] x, int from, int to, int channel, int end, float[] positions, int length) {
    float[] tileScales = Arrays.copyOfRange(scales, channel, end);
    float[] row = new float[end - channel];
    for (int t = from; t < to; t++) {
      System.arraycopy(x, t * channels + channel, row, 0, row.length);
      toPositions(row, tileScales);
      System.arraycopy(row, 0, positions, (t - from) * length, row.length);
    }
  }

  private static void toPositions(float[] row, float[] scales) {
    for (int c = 0; c < row.length; c++) {
      row[c] = row[c] * scales[c] + ROUND;
    }
  }

  /**
   * One channel at a time: its bins stay in the first-level cache. Four tokens at a time: HotSpot
   * does not unroll this loop, and one increment does not wait for another.
   */
  private void countChannel(
      int channel, float[] x, int from, int tokens, float[] positions, int column, int length) {
    int zeroBin = channel * BINS + HALF;
    int t = 0;
    for (int i = column; t + 3 < tokens; t += 4, i += 4 * length) {
      int a = position(positions[i]);
      int b = position(positions[i + length]);
      int c = position(positions[i + 2 * length]);
      int d = position(positions[i + 3 * length]);
      if (isBorder(a) || isBorder(b) || isBorder(c) || isBorder(d)) {
        countExactly(channel, x, from + t, 4);
      } else {
        increment(zeroBin + (a >> LOG2_FRACTION));
        increment(zeroBin + (b >> LOG2_FRACTION));
        increment(zeroBin + (c >> LOG2_FRACTION));
        increment(zeroBin + (d >> LOG2_FRACTION));
      }
    }
    countExactly(channel, x, from + t, tokens - t);
  }

  private static int position(float rounded) {
    return Float.floatToRawIntBits(rounded) - ROUND_BITS;
  }

  private static boolean isBorder(int position) {
    return (position & (FRACTION - 1)) == 0;
  }

  private void countExactly(int channel, float[] x, int from, int tokens) {
    // In double no power of two changes the digits of a float, subnormal or not.
    double scale = (double) scales[channel] / FRACTION;
    for (int t = from; t < from + tokens; t++) {
      int bin = floor(x[t * channels + channel] * scale);
      increment(channel * BINS + HALF + bin);
    }
  }

  private void increment(int place) {
    if (++recent[place] == 0) {
      counts[place] += BYTE_VALUES;
      counted[place / BINS] = true;
    }
  }

  private void add(int place, int count) {
    int sum = Byte.toUnsignedInt(recent[place]) + count;
    recent[place] = (byte) sum;
    if (sum >= BYTE_VALUES) {
      counts[place] += sum & -BYTE_VALUES;
      counted[place / BINS] = true;
    }
  }

  private int total(int place) {
    int few = Byte.toUnsignedInt(recent[place]);
    return counted[place / BINS] ? counts[place] + few : few;
  }

  private static int floor(double value) {
    int towardsZero = (int) value;
    return value < towardsZero ? towardsZero - 1 : towardsZero;
  }

  private void setExponent(int channel, int exponent) {
    exponents[channel] = exponent;
    scales[channel] = Math.scalb(1f, LOG2_FRACTION - exponent);
  }

  private void coarsen(int channel, int exponent) {
    int shift = exponent - exponents[channel];
    if (shift == 0) {
      return;
    }
    if (tokens == 0) {
      setExponent(channel, exponent);
      return;
    }
    int base = channel * BINS;
    int[] old = new int[BINS];
    for (int i = 0; i < BINS; i++) {
      old[i] = total(base + i);
    }
    if (counted[channel]) {
      Arrays.fill(counts, base, base + BINS, 0);
    }
    Arrays.fill(recent, base, base + BINS, (byte) 0);
    for (int i = 0; i < BINS; i++) {
      add(base + HALF + shiftRight(i - HALF, shift), old[i]);
    }
    setExponent(channel, exponent);
  }

  /** ⌊bin / 2^shift⌋, also for shifts beyond 31. */
  private static int shiftRight(int bin, int shift) {
    return bin >> Math.min(shift, 31);
  }

  private static NoisyQuantException tooManyTokens(long tokens) {
    return new NoisyQuantException(
        ErrorCode.STATISTICS_INVALID,
        tokens + " tokens are more than a histogram counts; use fewer calibration images");
  }

  /** Puts a number, 7 bits to a byte, at a place; the place behind it. */
  private static int putVarint(byte[] target, int place, int value) {
    int at = place;
    int rest = value;
    while ((rest & ~0x7F) != 0) {
      target[at++] = (byte) ((rest & 0x7F) | 0x80);
      rest >>>= 7;
    }
    target[at++] = (byte) rest;
    return at;
  }

  private static int getVarint(ByteBuffer in) throws IOException {
    int value = 0;
    for (int shift = 0; shift < 7 * MAX_VARINT; shift += 7) {
      int b = in.get();
      value |= (b & 0x7F) << shift;
      if (b >= 0) {
        return value;
      }
    }
    throw new IOException("damaged count");
  }
}
