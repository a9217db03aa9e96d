package org.noisyquant.stats;

import java.io.Serializable;
import java.nio.ByteBuffer;
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
 * where x [channels] is a token's input in floating point and z = q(x + N) − N what the layer sees
 * of it. That is all that the best weights and the best bias for the quantized input depend on. The
 * cross products z_i·x_j are three quarters of the memory and half of the time; who only rounds
 * weights, and does not fit them, leaves them out.
 *
 * <p>Each image's sums are rounded, once, half to even, to a power-of-two grid that depends on the
 * {@link Bounds} only and on which further sums are exact: merging is associative and commutative
 * bit for bit. Bounds are checked, so sums cannot overflow; a grid unit is at most 2^-50 of the
 * largest possible sum. Products come as floats, means are summed in double.
 *
 * <p>Mutable accumulator, not thread-safe. Heap and bytes: 4·C² for C channels, 12·C² with cross
 * products. Bytes: big-endian, magic, layout version, CRC-32; of the symmetric z·zᵀ the upper
 * triangle.
 */
public final class InputMoments {
  /** Version of the byte layout. */
  public static final int LAYOUT_VERSION = 2;

  /** More channels would not fit a byte array. */
  public static final int MAX_CHANNELS = 13_000;

  private static final int MAGIC = 0x4E51494D;
  private static final int HEADER_BYTES = 52;

  private final int site;
  private final int channels;
  private final Bounds bounds;
  private final SumGrid weightGrid;
  private final SumGrid meanGrid;
  private final SumGrid productGrid;
  private long tokens;
  private double weight;
  private final double[] quantizedSums;
  private final double[] inputSums;
  // Row i has the products of channel i with channels i, i + 1, …
  private final double[][] quantizedProducts;
  // Empty without cross products.
  private final double[][] crossProducts;

  /**
   * What the sums are made for.
   *
   * @param magnitude largest |x| and |z|
   * @param weight largest Σω, of all images together
   */
  public record Bounds(double magnitude, double weight) implements Serializable {
    /** For bounds that were computed in float. */
    private static final double TOLERANCE = 1 + 1e-6;

    /** Checks that the bounds are not negative and their products finite. */
    public Bounds {
      if (!(magnitude >= 0 && magnitude <= Float.MAX_VALUE && weight > 0 && weight <= 0x1p53)) {
        throw new IllegalArgumentException("magnitude " + magnitude + ", weight " + weight);
      }
    }

    private boolean allowMagnitude(double value) {
      return value <= magnitude * TOLERANCE;
    }

    private boolean allowWeight(double value) {
      return value <= weight * TOLERANCE;
    }
  }

  private InputMoments(int site, int channels, boolean cross, Bounds bounds) {
    this.site = site;
    this.channels = channels;
    this.bounds = bounds;
    weightGrid = SumGrid.forSumsUpTo(bounds.weight);
    meanGrid = SumGrid.forSumsUpTo(bounds.weight * bounds.magnitude);
    productGrid = SumGrid.forSumsUpTo(bounds.weight * bounds.magnitude * bounds.magnitude);
    quantizedSums = new double[channels];
    inputSums = new double[channels];
    quantizedProducts = new double[channels][];
    crossProducts = new double[cross ? channels : 0][channels];
    for (int c = 0; c < channels; c++) {
      quantizedProducts[c] = new double[channels - c];
    }
  }

  /**
   * Moments of no token.
   *
   * @param site topological index of the site
   * @param channels C, up to {@value #MAX_CHANNELS}
   * @param cross whether E[z_i·x_j] is wanted
   */
  public static InputMoments empty(int site, int channels, boolean cross, Bounds bounds) {
    if (site < 0 || channels < 1 || channels > MAX_CHANNELS) {
      throw new IllegalArgumentException("site " + site + ", channels " + channels);
    }
    return new InputMoments(site, channels, cross, bounds);
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
   * Adds one image. After an error from {@code products} this object must be discarded.
   *
   * @param z quantized input [tokens, channels], row-major
   * @param x input in floating point [tokens, channels], row-major
   * @param tokenWeights ω [tokens]; null for 1
   * @param products multiplies
   * @throws NoisyQuantException NON_FINITE_ACTIVATION at NaN or infinity, naming the channel,
   *     SUM_OVERFLOW if a bound is exceeded; then nothing of this image is added
   */
  public void update(
      float[] z, float[] x, int tokens, float[] tokenWeights, TokenProducts products) {
    checkMagnitudes(z, tokens);
    checkMagnitudes(x, tokens);
    add(weightGrid.round(sum(tokens, tokenWeights)), tokens);
    addMeans(z, tokens, tokenWeights, quantizedSums);
    addMeans(x, tokens, tokenWeights, inputSums);
    products.forEachRow(z, hasCross() ? x : null, tokens, channels, tokenWeights, this::addRow);
  }

  /** Adds what another one holds of the same site; the other stays as it is. */
  public void merge(InputMoments other) {
    if (other.site != site
        || other.channels != channels
        || other.hasCross() != hasCross()
        || !other.bounds.equals(bounds)) {
      throw new NoisyQuantException(
          ErrorCode.STATISTICS_INVALID,
          "cannot merge moments of different sites, bounds or products: " + this + " and " + other);
    }
    add(other.weight, other.tokens);
    add(other.quantizedSums, quantizedSums);
    add(other.inputSums, inputSums);
    for (int c = 0; c < channels; c++) {
      add(other.quantizedProducts[c], quantizedProducts[c]);
    }
    for (int c = 0; c < crossProducts.length; c++) {
      add(other.crossProducts[c], crossProducts[c]);
    }
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
    return weight;
  }

  /** E[z_c]. */
  public double quantizedMean(int c) {
    return quantizedSums[c] / weight;
  }

  /** E[x_c]. */
  public double inputMean(int c) {
    return inputSums[c] / weight;
  }

  /** E[z_i·z_j]. */
  public double quantizedMoment(int i, int j) {
    int first = Math.min(i, j);
    return quantizedProducts[first][Math.max(i, j) - first] / weight;
  }

  /**
   * E[z_i·x_j].
   *
   * @throws IllegalStateException without cross products
   */
  public double crossMoment(int i, int j) {
    if (!hasCross()) {
      throw new IllegalStateException(this + " were made without cross products");
    }
    return crossProducts[i][j] / weight;
  }

  /** E[z_i·z_j] − E[z_i]·E[z_j]. */
  public double quantizedCovariance(int i, int j) {
    return quantizedMoment(i, j) - quantizedMean(i) * quantizedMean(j);
  }

  /** E[z_i·x_j] − E[z_i]·E[x_j]. */
  public double crossCovariance(int i, int j) {
    return crossMoment(i, j) - quantizedMean(i) * inputMean(j);
  }

  /** The bytes of these moments: the same for the same images in any order. */
  public byte[] toBytes() {
    ByteBuffer out = ByteBuffer.allocate(size(channels, hasCross()));
    out.putInt(MAGIC).putInt(LAYOUT_VERSION).putInt(site).putInt(channels);
    out.putInt(hasCross() ? 1 : 0);
    out.putDouble(bounds.magnitude).putDouble(bounds.weight);
    out.putLong(tokens).putDouble(weight);
    put(out, quantizedSums);
    put(out, inputSums);
    for (int c = 0; c < channels; c++) {
      put(out, quantizedProducts[c]);
    }
    for (double[] row : crossProducts) {
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
    InputMoments m = empty(site, channels, cross, new Bounds(in.getDouble(), in.getDouble()));
    m.tokens = in.getLong();
    m.weight = in.getDouble();
    get(in, m.quantizedSums);
    get(in, m.inputSums);
    for (int c = 0; c < channels; c++) {
      get(in, m.quantizedProducts[c]);
    }
    for (double[] row : m.crossProducts) {
      get(in, row);
    }
    return m;
  }

  @Override
  public String toString() {
    return String.format(
        "InputMoments[site %d, %d channels%s, %d tokens, %s]",
        site, channels, hasCross() ? " with cross products" : "", tokens, bounds);
  }

  private void addRow(int c, float[] quantized, float[] cross) {
    productGrid.addRounded(quantized, quantizedProducts[c]);
    if (hasCross()) {
      productGrid.addRounded(cross, crossProducts[c]);
    }
  }

  private void addMeans(float[] values, int tokens, float[] tokenWeights, double[] sums) {
    double[] image = new double[channels];
    for (int t = 0; t < tokens; t++) {
      double w = tokenWeights == null ? 1 : tokenWeights[t];
      for (int c = 0; c < channels; c++) {
        image[c] += w * values[t * channels + c];
      }
    }
    for (int c = 0; c < channels; c++) {
      sums[c] += meanGrid.round(image[c]);
    }
  }

  private void add(double moreWeight, long moreTokens) {
    if (!bounds.allowWeight(weight + moreWeight)) {
      throw exceeded("token weights of " + weight + " + " + moreWeight);
    }
    weight += moreWeight;
    tokens += moreTokens;
  }

  private double sum(int tokens, float[] tokenWeights) {
    if (tokenWeights == null) {
      return tokens;
    }
    double sum = 0;
    for (int t = 0; t < tokens; t++) {
      if (!(tokenWeights[t] >= 0)) {
        throw new IllegalArgumentException(
            "site " + site + ": weight " + tokenWeights[t] + " of token " + t);
      }
      sum += tokenWeights[t];
    }
    return sum;
  }

  private void checkMagnitudes(float[] values, int tokens) {
    float[] row = new float[channels];
    float[] largest = new float[channels];
    for (int t = 0; t < tokens; t++) {
      System.arraycopy(values, t * channels, row, 0, channels);
      extend(row, largest);
    }
    for (int c = 0; c < channels; c++) {
      if (!Float.isFinite(largest[c])) {
        throw new NoisyQuantException(
            ErrorCode.NON_FINITE_ACTIVATION,
            "site " + site + ": activation is " + largest[c] + " in channel " + c);
      }
      if (!bounds.allowMagnitude(largest[c])) {
        throw exceeded("magnitude " + largest[c] + " in channel " + c);
      }
    }
  }

  /** HotSpot vectorizes this loop because both arrays share one index. NaN stays. */
  private static void extend(float[] row, float[] largest) {
    for (int c = 0; c < row.length; c++) {
      largest[c] = Math.max(largest[c], Math.abs(row[c]));
    }
  }

  private static void add(double[] values, double[] sums) {
    for (int i = 0; i < sums.length; i++) {
      sums[i] += values[i];
    }
  }

  private NoisyQuantException exceeded(String what) {
    return new NoisyQuantException(
        ErrorCode.SUM_OVERFLOW,
        what + " exceeds what the moments are made for: " + this + "; please report this");
  }

  private static int size(int channels, boolean cross) {
    long triangle = (long) channels * (channels + 1) / 2;
    long doubles = 2L * channels + triangle + (cross ? (long) channels * channels : 0);
    return Math.toIntExact(HEADER_BYTES + Double.BYTES * doubles + Long.BYTES);
  }

  /** CRC-32 of the bytes before the position. */
  private static long checksum(ByteBuffer buffer) {
    CRC32 crc = new CRC32();
    crc.update(buffer.duplicate().flip());
    return crc.getValue();
  }

  private static void put(ByteBuffer out, double[] values) {
    out.asDoubleBuffer().put(values);
    out.position(out.position() + Double.BYTES * values.length);
  }

  private static void get(ByteBuffer in, double[] values) {
    in.asDoubleBuffer().get(values);
    in.position(in.position() + Double.BYTES * values.length);
  }

  private static NoisyQuantException unreadable(String reason) {
    return new NoisyQuantException(
        ErrorCode.STATISTICS_INVALID,
        "stored moments cannot be read: " + reason + "; calibrate again");
  }
}
