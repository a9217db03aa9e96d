package org.noisyquant.stats;

import java.io.Serializable;
import java.nio.ByteBuffer;
import java.nio.FloatBuffer;
import java.util.Arrays;
import java.util.zip.CRC32;
import org.noisyquant.error.ErrorCode;
import org.noisyquant.error.NoisyQuantException;

/**
 * First and second moments of a site's input before and after quantization, over weighted tokens:
 *
 * <pre>
 *   E[v] = Σ_t ω_t·v_t / Σ_t ω_t     for v = z, x, z_i·z_j, z_i·x_j
 * </pre>
 *
 * where x [channels] is a token's input in floating point and z = q(x + N) − D what the layer sees
 * of it. That is all that the best weights and the best bias for the quantized input depend on. The
 * cross products z_i·x_j are two thirds of the memory and most of the time; who only rounds
 * weights, and does not fit them, leaves them out.
 *
 * <p>All sums are of integers, and exact: z_c = s_c·k_c − D_c with the code k_c, x_c ≈ u_c·n_c with
 * 16 bits for n_c, ω in 256ths. So merging is associative and commutative bit for bit, tokens can
 * be multiplied in any groups, and integer kernels can do it. Rounding x moves E[z_i·x_j] by less
 * than 2^-16 of the largest |x_j| times the largest |z_i|, and by far less over many tokens.
 *
 * <p>Mutable accumulator, not thread-safe. Heap and bytes: 4·C² for C channels, 12·C² with cross
 * products. Bytes: big-endian, magic, layout version, CRC-32; of the symmetric z·zᵀ the upper
 * triangle.
 */
public final class InputMoments {
  /** Version of the byte layout. */
  public static final int LAYOUT_VERSION = 3;

  /** More channels would not fit a byte array. */
  public static final int MAX_CHANNELS = 13_000;

  /** The largest |n|. */
  public static final int MAX_INPUT = 127 * 256 + 127;

  /** ω = 1. */
  private static final int UNITS = 256;

  /** |k·n| ≤ 2^22: sums of so much weight stay below 2^62. */
  private static final long MAX_WEIGHT = 1L << 40;

  private static final int MAGIC = 0x4E51494D;
  private static final int HEADER_BYTES = 28;

  private final int site;
  private final int channels;
  private final Scales scales;
  private long tokens;
  // Of the row (1, k_0, …, k_C−1): row i has its products with elements i, i + 1, …
  private final long[][] codeProducts;
  // With n_0 … n_C−1; empty without cross products.
  private final long[][] crossProducts;
  // Σω·n, also without cross products.
  private final long[] inputSums;

  /**
   * What the integers stand for, in units of x: z_c = steps_c·k_c − removed_c, x_c = units_c·n_c.
   * The arrays are not copied; they must not change afterwards.
   *
   * @param steps s [channels]
   * @param removed D [channels]
   * @param units u [channels]
   */
  @SuppressWarnings("ArrayRecordComponent") // Compared by sameAs only.
  public record Scales(float[] steps, float[] removed, float[] units) implements Serializable {
    /** Checks the shapes. */
    public Scales {
      if (steps.length != units.length || removed.length != units.length) {
        throw new IllegalArgumentException(
            steps.length + " steps, " + removed.length + " removed, " + units.length + " units");
      }
    }

    private boolean sameAs(Scales other) {
      return Arrays.equals(steps, other.steps)
          && Arrays.equals(removed, other.removed)
          && Arrays.equals(units, other.units);
    }
  }

  private InputMoments(int site, boolean cross, Scales scales) {
    this.site = site;
    this.scales = scales;
    channels = scales.steps.length;
    codeProducts = new long[channels + 1][];
    crossProducts = new long[cross ? channels : 0][channels];
    inputSums = new long[channels];
    for (int i = 0; i <= channels; i++) {
      codeProducts[i] = new long[channels + 1 - i];
    }
  }

  /**
   * Moments of no token.
   *
   * @param site topological index of the site
   * @param cross whether E[z_i·x_j] is wanted
   * @param scales of up to {@value #MAX_CHANNELS} channels
   */
  public static InputMoments empty(int site, boolean cross, Scales scales) {
    int channels = scales.steps.length;
    if (site < 0 || channels < 1 || channels > MAX_CHANNELS) {
      throw new IllegalArgumentException("site " + site + ", channels " + channels);
    }
    return new InputMoments(site, cross, scales);
  }

  /**
   * Bytes that moments take: 4·C², 12·C² with cross products.
   *
   * @param channels C
   * @param cross whether with E[z_i·x_j]
   */
  public static long bytes(int channels, boolean cross) {
    return (cross ? 12L : 4L) * channels * channels;
  }

  /**
   * Integers of a token in {@link #add}: 1, k [channels], high [channels] and low [channels] with n
   * = 256·high + low.
   */
  public static int columns(int channels) {
    return 1 + 3 * channels;
  }

  /**
   * Adds tokens of one weight. After an error from {@code products} this object must be discarded.
   *
   * @param a [count, {@link #columns}], row-major
   * @param count tokens, up to {@link CodeProducts#MAX_TOKENS}
   * @param weight ω, positive; rounded to 256ths, but not to 0
   * @param products multiplies
   * @throws NoisyQuantException SUM_OVERFLOW if it is too much for exact sums; then nothing is
   *     added
   */
  public void add(byte[] a, int count, double weight, CodeProducts products) {
    if (count == 0) {
      return;
    }
    long units = units(weight);
    checkWeight(units * count);
    tokens += count;
    int columns = columns(channels);
    int codes = channels + 1;
    if (hasCross()) {
      products.forEachRow(
          a,
          count,
          columns,
          codes,
          (i, row) -> {
            addCodes(row, units, codeProducts[i]);
            addInputs(row, codes - i, units, i == 0 ? inputSums : crossProducts[i - 1]);
          });
    } else {
      products.forEachRow(
          a, count, columns, 1, (i, row) -> addInputs(row, codes, units, inputSums));
      byte[] some = firstColumns(a, count, columns, codes);
      products.forEachRow(
          some, count, codes, codes, (i, row) -> addCodes(row, units, codeProducts[i]));
    }
  }

  /** Adds what another one holds of the same site; the other stays as it is. */
  public void merge(InputMoments other) {
    if (other.site != site || other.hasCross() != hasCross() || !other.scales.sameAs(scales)) {
      throw new NoisyQuantException(
          ErrorCode.STATISTICS_INVALID,
          "cannot merge moments of different sites, scales or products: " + this + " and " + other);
    }
    checkWeight(other.codeProducts[0][0]);
    tokens += other.tokens;
    for (int i = 0; i <= channels; i++) {
      add(other.codeProducts[i], codeProducts[i]);
    }
    for (int c = 0; c < crossProducts.length; c++) {
      add(other.crossProducts[c], crossProducts[c]);
    }
    add(other.inputSums, inputSums);
  }

  /** Topological index of the site. */
  public int site() {
    return site;
  }

  /** Channels C. */
  public int channels() {
    return channels;
  }

  /** Whether cross products are summed. */
  public boolean hasCross() {
    return crossProducts.length > 0;
  }

  /** Added tokens, whatever their weights. */
  public long tokens() {
    return tokens;
  }

  /** Σω, the divisor of all moments: they are NaN where it is 0. */
  public double weight() {
    return codeProducts[0][0] / (double) UNITS;
  }

  /** E[z_c]. */
  public double quantizedMean(int c) {
    return scales.steps[c] * codeMean(c) - scales.removed[c];
  }

  /** E[x_c]. */
  public double inputMean(int c) {
    return scales.units[c] * mean(inputSums[c]);
  }

  /** E[z_i·z_j]. */
  public double quantizedMoment(int i, int j) {
    return quantizedCovariance(i, j) + quantizedMean(i) * quantizedMean(j);
  }

  /**
   * E[z_i·x_j].
   *
   * @throws IllegalStateException without cross products
   */
  public double crossMoment(int i, int j) {
    return crossCovariance(i, j) + quantizedMean(i) * inputMean(j);
  }

  /** E[z_i·z_j] − E[z_i]·E[z_j]. */
  public double quantizedCovariance(int i, int j) {
    int first = Math.min(i, j);
    double moment = mean(codeProducts[first + 1][Math.max(i, j) - first]);
    return (double) scales.steps[i] * scales.steps[j] * (moment - codeMean(i) * codeMean(j));
  }

  /**
   * E[z_i·x_j] − E[z_i]·E[x_j].
   *
   * @throws IllegalStateException without cross products
   */
  public double crossCovariance(int i, int j) {
    if (!hasCross()) {
      throw new IllegalStateException(this + " were made without cross products");
    }
    double difference = mean(crossProducts[i][j]) - codeMean(i) * mean(inputSums[j]);
    return (double) scales.steps[i] * scales.units[j] * difference;
  }

  /** The bytes of these moments: the same for the same images in any order. */
  public byte[] toBytes() {
    ByteBuffer out = ByteBuffer.allocate(size(channels, hasCross()));
    out.putInt(MAGIC).putInt(LAYOUT_VERSION).putInt(site).putInt(channels);
    out.putInt(hasCross() ? 1 : 0).putLong(tokens);
    put(out, scales.steps);
    put(out, scales.removed);
    put(out, scales.units);
    put(out, inputSums);
    for (long[] row : codeProducts) {
      put(out, row);
    }
    for (long[] row : crossProducts) {
      put(out, row);
    }
    return out.putLong(checksum(out)).array();
  }

  /**
   * Moments from {@link #toBytes}.
   *
   * @throws NoisyQuantException STATISTICS_INVALID if the bytes are damaged, truncated or of
   *     another layout version
   */
  public static InputMoments fromBytes(byte[] bytes) {
    ByteBuffer in = ByteBuffer.wrap(bytes);
    if (bytes.length < HEADER_BYTES || in.getInt() != MAGIC) {
      throw unreadable("not input moments");
    }
    int version = in.getInt();
    if (version != LAYOUT_VERSION) {
      throw unreadable("layout version " + version + ", this program reads " + LAYOUT_VERSION);
    }
    int site = in.getInt();
    int channels = in.getInt();
    boolean cross = in.getInt() != 0;
    if (channels < 1 || channels > MAX_CHANNELS || bytes.length != size(channels, cross)) {
      throw unreadable(bytes.length + " bytes for " + channels + " channels");
    }
    in.position(bytes.length - Long.BYTES);
    if (in.getLong() != checksum(in.position(bytes.length - Long.BYTES))) {
      throw unreadable("checksum does not match");
    }
    in.position(5 * Integer.BYTES);
    long tokens = in.getLong();
    Scales scales = new Scales(floats(in, channels), floats(in, channels), floats(in, channels));
    InputMoments m = empty(site, cross, scales);
    m.tokens = tokens;
    get(in, m.inputSums);
    for (long[] row : m.codeProducts) {
      get(in, row);
    }
    for (long[] row : m.crossProducts) {
      get(in, row);
    }
    return m;
  }

  @Override
  public String toString() {
    return String.format(
        "InputMoments[site %d, %d channels%s, %d tokens]",
        site, channels, hasCross() ? " with cross products" : "", tokens);
  }

  private static void addCodes(int[] row, long units, long[] sums) {
    for (int j = 0; j < sums.length; j++) {
      sums[j] += units * row[j];
    }
  }

  /** Puts the products with the high and the low bytes of n together. */
  private static void addInputs(int[] row, int high, long units, long[] sums) {
    int low = high + sums.length;
    for (int j = 0; j < sums.length; j++) {
      sums[j] += units * (256L * row[high + j] + row[low + j]);
    }
  }

  private static byte[] firstColumns(byte[] a, int count, int columns, int some) {
    byte[] first = new byte[count * some];
    for (int t = 0; t < count; t++) {
      System.arraycopy(a, t * columns, first, t * some, some);
    }
    return first;
  }

  private double mean(long sum) {
    return sum / (double) codeProducts[0][0];
  }

  private double codeMean(int c) {
    return mean(codeProducts[0][c + 1]);
  }

  private void checkWeight(long more) {
    long sum = codeProducts[0][0] + more;
    if (sum > MAX_WEIGHT || more > MAX_WEIGHT) {
      throw new NoisyQuantException(
          ErrorCode.SUM_OVERFLOW,
          "a weight of "
              + sum / UNITS
              + " tokens exceeds what moments are summed for: "
              + this
              + "; please report this");
    }
  }

  private static long units(double weight) {
    if (!(weight > 0 && weight < MAX_WEIGHT / UNITS)) {
      throw new IllegalArgumentException("weight of tokens: " + weight);
    }
    return Math.max(1, Math.round(weight * UNITS));
  }

  private static void add(long[] values, long[] sums) {
    for (int i = 0; i < sums.length; i++) {
      sums[i] += values[i];
    }
  }

  private static int size(int channels, boolean cross) {
    long triangle = (channels + 1L) * (channels + 2L) / 2;
    long longs = channels + triangle + (cross ? (long) channels * channels : 0);
    return Math.toIntExact(
        HEADER_BYTES + 3L * Float.BYTES * channels + Long.BYTES * longs + Long.BYTES);
  }

  /** CRC-32 of the bytes before the position. */
  private static long checksum(ByteBuffer buffer) {
    CRC32 crc = new CRC32();
    crc.update(buffer.duplicate().flip());
    return crc.getValue();
  }

  private static void put(ByteBuffer out, long[] values) {
    out.asLongBuffer().put(values);
    out.position(out.position() + Long.BYTES * values.length);
  }

  private static void put(ByteBuffer out, float[] values) {
    out.asFloatBuffer().put(values);
    out.position(out.position() + Float.BYTES * values.length);
  }

  private static void get(ByteBuffer in, long[] values) {
    in.asLongBuffer().get(values);
    in.position(in.position() + Long.BYTES * values.length);
  }

  private static float[] floats(ByteBuffer in, int count) {
    FloatBuffer values = in.asFloatBuffer();
    float[] all = new float[count];
    values.get(all);
    in.position(in.position() + Float.BYTES * count);
    return all;
  }

  private static NoisyQuantException unreadable(String reason) {
    return new NoisyQuantException(
        ErrorCode.STATISTICS_INVALID,
        "stored moments cannot be read: " + reason + "; calibrate again");
  }
}
