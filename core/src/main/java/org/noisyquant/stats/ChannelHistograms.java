package org.noisyquant.stats;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
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
 * <p>Mutable accumulator, not thread-safe. Takes 4 KiB per channel, independent of how many values
 * are counted.
 */
public final class ChannelHistograms {
  /** Bins per channel. */
  public static final int BINS = 1024;

  /** The smallest exponent of a bin's width. */
  public static final int MIN_EXPONENT = -40;

  private static final int HALF = BINS / 2;
  private static final int LOG2_HALF = 9;

  private final int channels;
  private final int[] counts;
  private final int[] exponents;
  private final float[] inverseWidths;
  private final float[] limits;
  private final float[] minimum;
  private final float[] maximum;
  private long tokens;

  private ChannelHistograms(int channels) {
    this.channels = channels;
    counts = new int[Math.multiplyExact(channels, BINS)];
    exponents = new int[channels];
    inverseWidths = new float[channels];
    limits = new float[channels];
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

  /**
   * Counts activations.
   *
   * @param x [tokens, channels], row-major
   * @param from first token to count
   * @param to end of the tokens to count
   * @throws NoisyQuantException NON_FINITE_ACTIVATION at NaN or infinity, naming the channel; what
   *     was counted before stays
   */
  public void update(float[] x, int from, int to) {
    if (to < from) {
      throw new IllegalArgumentException("tokens " + from + " to " + to);
    }
    long total = tokens + (to - from);
    if (total > Integer.MAX_VALUE) {
      throw tooManyTokens(total);
    }
    for (int c = 0; c < channels; c++) {
      updateChannel(c, x, from, to);
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
        int count = other.counts[base + i];
        if (count != 0) {
          counts[base + HALF + shiftRight(i - HALF, shift)] += count;
        }
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
    return counts[channel * BINS + bin];
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
    out.writeLong(tokens);
    for (int c = 0; c < channels; c++) {
      out.writeByte(exponents[c]);
      out.writeFloat(minimum[c]);
      out.writeFloat(maximum[c]);
      int base = c * BINS;
      int first = 0;
      while (first < BINS && counts[base + first] == 0) {
        first++;
      }
      int end = BINS;
      while (end > first && counts[base + end - 1] == 0) {
        end--;
      }
      out.writeShort(first);
      out.writeShort(end);
      for (int i = first; i < end; i++) {
        writeVarint(out, counts[base + i]);
      }
    }
  }

  static ChannelHistograms read(DataInputStream in, int channels) throws IOException {
    ChannelHistograms h = empty(channels);
    h.tokens = in.readLong();
    for (int c = 0; c < channels; c++) {
      int exponent = in.readByte();
      h.minimum[c] = in.readFloat();
      h.maximum[c] = in.readFloat();
      int first = in.readShort();
      int end = in.readShort();
      if (exponent < MIN_EXPONENT || first < 0 || end < first || end > BINS) {
        throw new IOException("channel " + c + ": exponent " + exponent + ", " + first + "–" + end);
      }
      h.setExponent(c, exponent);
      long sum = 0;
      for (int i = first; i < end; i++) {
        int count = readVarint(in);
        h.counts[c * BINS + i] = count;
        sum += count;
      }
      if (sum != h.tokens) {
        throw new IOException("channel " + c + " counts " + sum + " of " + h.tokens + " tokens");
      }
    }
    return h;
  }

  /** One channel at a time: its bins stay in the first-level cache. */
  private void updateChannel(int channel, float[] x, int from, int to) {
    float low = minimum[channel];
    float high = maximum[channel];
    float limit = limits[channel];
    float inverseWidth = inverseWidths[channel];
    int zeroBin = channel * BINS + HALF;
    for (int i = from * channels + channel; i < to * channels; i += channels) {
      float v = x[i];
      if (!(Math.abs(v) < limit)) {
        widen(channel, v);
        limit = limits[channel];
        inverseWidth = inverseWidths[channel];
      }
      if (v < low) {
        low = v;
      }
      if (v > high) {
        high = v;
      }
      float scaled = v * inverseWidth;
      int bin = (int) scaled;
      counts[zeroBin + bin - (scaled < bin ? 1 : 0)]++;
    }
    minimum[channel] = low;
    maximum[channel] = high;
  }

  private void setExponent(int channel, int exponent) {
    exponents[channel] = exponent;
    inverseWidths[channel] = Math.scalb(1f, -exponent);
    limits[channel] = Math.scalb(1f, exponent + LOG2_HALF);
  }

  private void widen(int channel, float v) {
    if (!Float.isFinite(v)) {
      throw new NoisyQuantException(
          ErrorCode.NON_FINITE_ACTIVATION, "activation is " + v + " in channel " + channel);
    }
    coarsen(channel, Math.getExponent(v) + 1 - LOG2_HALF);
  }

  private void coarsen(int channel, int exponent) {
    int shift = exponent - exponents[channel];
    if (shift == 0) {
      return;
    }
    int base = channel * BINS;
    int[] old = Arrays.copyOfRange(counts, base, base + BINS);
    Arrays.fill(counts, base, base + BINS, 0);
    for (int i = 0; i < BINS; i++) {
      counts[base + HALF + shiftRight(i - HALF, shift)] += old[i];
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

  private static void writeVarint(DataOutputStream out, int value) throws IOException {
    int rest = value;
    while ((rest & ~0x7F) != 0) {
      out.writeByte((rest & 0x7F) | 0x80);
      rest >>>= 7;
    }
    out.writeByte(rest);
  }

  private static int readVarint(DataInputStream in) throws IOException {
    int value = 0;
    for (int shift = 0; shift < 35; shift += 7) {
      int b = in.readUnsignedByte();
      value |= (b & 0x7F) << shift;
      if ((b & 0x80) == 0) {
        return value;
      }
    }
    throw new IOException("damaged count");
  }
}
