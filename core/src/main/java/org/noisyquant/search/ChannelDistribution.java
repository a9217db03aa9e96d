package org.noisyquant.search;

/**
 * The distribution of one channel's activations x, integrated, so that the error of a quantizer is
 * a sum over its thresholds and not over values. With F(t) = P(x &lt; t), G(t) = E[max(0, t − x)],
 * levels v_k = k·s − N in ascending order and the thresholds t_k = (v_k + v_{k+1})/2 between them,
 * the error e = q(x + N) − N − x has
 *
 * <pre>
 *   E[e]  = v_last − s·Σ_k F(t_k) − E[x]
 *   E[e²] = E[(x − v_last)²] − 2s·Σ_k G(t_k)
 * </pre>
 *
 * <p>F and G are tabulated at the edges of {@value #CELLS} cells between the least and the largest
 * value, within which values are spread evenly: between edges F is linear and G quadratic. Outside
 * both have closed forms, so that thresholds there cost nothing. A constant channel is one value.
 * In double, for E[e²] is the difference of numbers that are 12·4^b times as large for b bits.
 *
 * <p>Where the density changes little within a step the sums are integrals, and with H(t) =
 * E[max(0, t − x)²]/2 what is left of them is clipping and Bennett's s²/12: an estimate whose cost
 * does not grow with the levels.
 *
 * <p>Immutable. Memory 16 bytes a cell, and half a byte for H.
 */
final class ChannelDistribution {
  /** Eight for each level of 8 bits. */
  static final int CELLS = 2048;

  /** Adding 1.5·2^52 leaves an integer in the lowest bits. */
  private static final double ROUND = 0x1.8p52;

  /** Cells from one tabulated H to the next. */
  private static final int BLOCK = 16;

  /** An edge before the first and one behind the last, for rounding of places. */
  private static final int PADDING = 2;

  private final float minimum;
  private final float maximum;
  private final double mean;
  private final double variance;

  /** Of a cell. */
  private final double width;

  /** F and G at each edge in turn, from one cell below the least value to one above the largest. */
  private final double[] edges;

  /** H at the first edge of each block of cells, and at the last edge. */
  private final double[] blocks;

  /** E[x] and E[(x − maximum)²] of the tabulated distribution. */
  private final double tabulatedMean;

  private final double belowMaximum;

  private ChannelDistribution(ChannelDensity density) {
    minimum = density.minimum();
    maximum = density.maximum();
    mean = density.mean();
    variance = density.secondMoment(mean);
    if (maximum > minimum) {
      width = ((double) maximum - minimum) / CELLS;
      edges = integrated(shares(density, width), width);
      tabulatedMean = maximum - edges[PADDING + 2 * CELLS + 1];
      blocks = blocks(edges, width);
      belowMaximum = 2 * blocks[CELLS / BLOCK];
    } else {
      width = 0;
      edges = new double[0];
      blocks = new double[0];
      tabulatedMean = maximum;
      belowMaximum = 0;
    }
  }

  static ChannelDistribution of(ChannelDensity density) {
    return new ChannelDistribution(density);
  }

  /** The share of the values in each cell. */
  private static double[] shares(ChannelDensity density, double width) {
    double[] shares = new double[CELLS];
    double total = 0;
    for (int i = 0; i < density.values().length; i++) {
      double weight = density.weights()[i];
      double centre = (density.values()[i] - (double) density.minimum()) / width;
      double half = density.widths()[i] / width / 2;
      spread(shares, Math.max(0, centre - half), Math.min(CELLS, centre + half), weight);
      total += weight;
    }
    for (int i = 0; i < CELLS; i++) {
      shares[i] /= total;
    }
    return shares;
  }

  /** Spreads a weight evenly from one place to another, in cells. */
  private static void spread(double[] shares, double from, double to, double weight) {
    int first = Math.min(CELLS - 1, (int) from);
    int last = Math.min(CELLS - 1, (int) to);
    if (first == last) {
      shares[first] += weight;
      return;
    }
    double each = weight / (to - from);
    shares[first] += each * (first + 1 - from);
    for (int i = first + 1; i < last; i++) {
      shares[i] += each;
    }
    shares[last] += each * (to - last);
  }

  private static double[] integrated(double[] shares, double width) {
    double[] edges = new double[2 * (CELLS + 1) + 2 * PADDING];
    for (int i = 0; i <= CELLS; i++) {
      int at = PADDING + 2 * i;
      double below = edges[at];
      // The last is 1 whatever rounding does.
      double next = i >= CELLS - 1 ? 1 : below + shares[i];
      edges[at + 2] = next;
      edges[at + 3] = edges[at + 1] + width * (below + next) / 2;
    }
    return edges;
  }

  private static double[] blocks(double[] edges, double width) {
    double[] blocks = new double[CELLS / BLOCK + 1];
    double sum = 0;
    for (int i = 0; i < CELLS; i++) {
      sum += secondIntegral(edges, width, i, 1);
      if ((i + 1) % BLOCK == 0) {
        blocks[(i + 1) / BLOCK] = sum;
      }
    }
    return blocks;
  }

  /** What H grows by in the first part of a cell. */
  private static double secondIntegral(double[] edges, double width, int cell, double part) {
    int at = PADDING + 2 * cell;
    double below = edges[at];
    double rise = (edges[at + 2] - below) * part;
    double d = width * part;
    return d * (edges[at + 1] + d * (below / 2 + rise / 6));
  }

  /** The least value; 0 if nothing was counted. */
  float minimum() {
    return minimum;
  }

  /** The largest value; 0 if nothing was counted. */
  float maximum() {
    return maximum;
  }

  /** Takes a cell. */
  @FunctionalInterface
  interface Cells {
    /**
     * A cell with values.
     *
     * @param share of all values
     */
    void accept(double centre, double share);
  }

  /** Hands over each cell that has values. */
  void forEachCell(Cells cells) {
    if (isConstant()) {
      cells.accept(maximum, 1);
    }
    for (int i = 0; i < CELLS && !isConstant(); i++) {
      double share = edges[PADDING + 2 * i + 2] - edges[PADDING + 2 * i];
      if (share > 0) {
        cells.accept(minimum + (i + 0.5) * width, share);
      }
    }
  }

  /** Whether there is one value only. */
  boolean isConstant() {
    return edges.length == 0;
  }

  /** Whether its values span more than some steps. */
  boolean isLongerThan(double steps, double step) {
    return maximum - minimum > steps * step;
  }

  /** E[x]. */
  double mean() {
    return mean;
  }

  /** Var(x) where the mean is corrected, else E[x²]: the error of having one level only. */
  double spread(boolean meanIsCorrected) {
    return meanIsCorrected ? variance : variance + mean * mean;
  }

  /**
   * E[e] and E[e²] of a quantizer.
   *
   * @param low the first level, in steps
   * @param levels their number
   * @param step s
   * @param offset N
   * @param moments receives both
   */
  void errorMoments(int low, int levels, double step, double offset, double[] moments) {
    int high = low + levels - 1;
    if (isConstant()) {
      double level = Math.max(low, Math.min(high, Math.rint((maximum + offset) / step)));
      moments[0] = level * step - offset - maximum;
      moments[1] = moments[0] * moments[0];
      return;
    }
    double firstThreshold = (low + 0.5) * step - offset;
    int thresholds = levels - 1;
    int above = clamped(Math.ceil((maximum - firstThreshold) / step), 0, thresholds);
    int inside = clamped(Math.ceil((minimum - firstThreshold) / step), 0, above);
    double place = (firstThreshold - minimum) / width;
    sums(edges, width, place, step / width, inside, above, moments);
    int more = thresholds - above;
    if (more > 0) {
      double centre = firstThreshold + step * (above + thresholds - 1) / 2;
      moments[0] += more;
      moments[1] += more * (centre - tabulatedMean);
    }
    double last = high * step - offset;
    moments[0] = last - step * moments[0] - tabulatedMean;
    moments[1] = Math.max(0, squareAround(last) - 2 * step * moments[1]);
  }

  /**
   * E[e] and E[e²] of a quantizer, as far as the density changes little within a step: what values
   * outside of the levels are clipped by, and s²/12 for those inside.
   *
   * @param low the first level, in steps
   * @param levels their number
   * @param step s
   * @param offset N
   * @param moments receives both
   * @throws IllegalStateException for a constant channel, which is not smooth
   */
  void smoothErrorMoments(int low, int levels, double step, double offset, double[] moments) {
    if (isConstant()) {
      throw new IllegalStateException("a constant channel has no density");
    }
    double first = low * step - offset;
    double last = first + (levels - 1) * step;
    double[] below = integrals(first);
    double[] above = integrals(last);
    double clipped = below[2] + squareAround(last) / 2 - above[2];
    moments[0] = below[1] - (tabulatedMean - last + above[1]);
    moments[1] = Math.max(0, 2 * clipped + step * step / 12 * (above[0] - below[0]));
  }

  /** E[(x − value)²]. */
  private double squareAround(double value) {
    double over = maximum - value;
    return belowMaximum + over * (2 * (tabulatedMean - maximum) + over);
  }

  /** F, G and H at a value. */
  private double[] integrals(double value) {
    if (value <= minimum) {
      return new double[3];
    }
    if (value >= maximum) {
      return new double[] {1, value - tabulatedMean, squareAround(value) / 2};
    }
    double place = (value - minimum) / width;
    int cell = Math.min(CELLS - 1, (int) place);
    double part = place - cell;
    double second = blocks[cell / BLOCK] + secondIntegral(edges, width, cell, part);
    for (int i = cell / BLOCK * BLOCK; i < cell; i++) {
      second += secondIntegral(edges, width, i, 1);
    }
    int at = PADDING + 2 * cell;
    double below = edges[at];
    double rise = (edges[at + 2] - below) * part;
    double first = edges[at + 1] + width * part * (below + rise / 2);
    return new double[] {below + rise, first, second};
  }

  private static int clamped(double value, int low, int high) {
    return (int) Math.max(low, Math.min(high, value));
  }

  /** ΣF and ΣG over the thresholds from one to before another, whose places are in cells. */
  private static void sums(
      double[] edges,
      double width,
      double place,
      double distance,
      int from,
      int to,
      double[] result) {
    double first = 0;
    double second = 0;
    double at = place + from * distance;
    for (int k = from; k < to; k++) {
      // The integer below, without a conversion: those wait for one another.
      double shifted = (at - 0.5) + ROUND;
      int cell = 2 * (int) Double.doubleToRawLongBits(shifted) + PADDING;
      double d = at - (shifted - ROUND);
      double below = edges[cell];
      double rise = (edges[cell + 2] - below) * d;
      first += below + rise;
      second += edges[cell + 1] + width * d * (below + 0.5 * rise);
      at += distance;
    }
    result[0] = first;
    result[1] = second;
  }
}
