package org.noisyquant.quant;

/**
 * Sums of scaled rows, target += sign · Σ_k factors[k] · rows[k], the one kernel of all dense
 * products here. Four rows at a time: that reads and writes the target once for four additions.
 */
final class RowUpdates {
  private RowUpdates() {}

  /**
   * Adds to target[from … to) the rows first … end − 1, each scaled by its factor.
   *
   * @param factors indexed as rows
   */
  static void add(
      double[] target,
      double sign,
      double[] factors,
      double[][] rows,
      int first,
      int end,
      int from,
      int to) {
    int k = first;
    for (; k + 3 < end; k += 4) {
      addFour(
          target,
          sign * factors[k],
          rows[k],
          sign * factors[k + 1],
          rows[k + 1],
          sign * factors[k + 2],
          rows[k + 2],
          sign * factors[k + 3],
          rows[k + 3],
          from,
          to);
    }
    for (; k < end; k++) {
      addOne(target, sign * factors[k], rows[k], from, to);
    }
  }

  /** HotSpot vectorizes this loop because all arrays share one index. */
  private static void addFour(
      double[] target,
      double f,
      double[] a,
      double g,
      double[] b,
      double h,
      double[] c,
      double i,
      double[] d,
      int from,
      int to) {
    for (int o = from; o < to; o++) {
      target[o] += (f * a[o] + g * b[o]) + (h * c[o] + i * d[o]);
    }
  }

  private static void addOne(double[] target, double f, double[] a, int from, int to) {
    for (int o = from; o < to; o++) {
      target[o] += f * a[o];
    }
  }
}
