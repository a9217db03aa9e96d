package org.noisyquant.quant;

import java.util.Arrays;
import java.util.Comparator;
import java.util.stream.IntStream;

/**
 * Triangular factor of a symmetric positive semidefinite matrix with a ridge, P·(H + λI)·Pᵀ = LᵀL,
 * L lower triangular, λ = damping · mean diagonal of H. P sorts the channels by descending H_cc.
 *
 * <p>With the error Δ of a weight column in that order, Δᵀ(H + λI)Δ = Σ_k (L_kk·Δ_k + Σ_{j&lt;k}
 * L_kj·Δ_j)²: term k depends on the channels up to k only.
 *
 * <p>A pivot that is not above 1e-12 of its diagonal, as of a channel that is constant (λ = 0) or
 * depends on others, makes row k zero. Time C³/3 multiplications, memory 4·C² bytes.
 */
final class GramFactor {
  /** Rows of a block; 32 rows of 1,024 doubles fit the second-level cache. */
  static final int BLOCK = 32;

  private static final int TILE = 1024;
  private static final double SMALLEST_PIVOT = 1e-12;

  private final int[] order;
  private final double[][] rows;
  private final double ridge;

  /** The elements of a symmetric matrix. */
  @FunctionalInterface
  interface Entries {
    double at(int i, int j);
  }

  private GramFactor(int[] order, double[][] rows, double ridge) {
    this.order = order;
    this.rows = rows;
    this.ridge = ridge;
  }

  /**
   * Factors a matrix.
   *
   * @param h H, symmetric and positive semidefinite but for rounding
   * @param channels C
   * @param damping λ in units of the mean diagonal, not negative
   */
  static GramFactor of(Entries h, int channels, double damping) {
    if (!(damping >= 0) || Double.isInfinite(damping)) {
      throw new IllegalArgumentException("damping must be finite and not negative: " + damping);
    }
    int[] order =
        IntStream.range(0, channels)
            .boxed()
            .sorted(Comparator.comparingDouble((Integer c) -> -h.at(c, c)))
            .mapToInt(Integer::intValue)
            .toArray();
    double trace = 0;
    for (int c = 0; c < channels; c++) {
      trace += Math.max(0, h.at(c, c));
    }
    double ridge = damping * trace / channels;
    double[][] rows = new double[channels][];
    for (int i = 0; i < channels; i++) {
      rows[i] = new double[i + 1];
      for (int j = 0; j <= i; j++) {
        rows[i][j] = h.at(order[i], order[j]);
      }
      rows[i][i] += ridge;
    }
    factor(rows);
    return new GramFactor(order, rows, ridge);
  }

  /** Channels C. */
  int channels() {
    return rows.length;
  }

  /** The channel at a place of the order. */
  int channel(int place) {
    return order[place];
  }

  /** λ. */
  double ridge() {
    return ridge;
  }

  /** Row k of L, its last element the pivot L_kk; not a copy. */
  double[] row(int k) {
    return rows[k];
  }

  /**
   * Replaces R by (H + λI)⁻¹·R; channels without a pivot get 0.
   *
   * @param r R [channels][outputs], in the channels' own order
   */
  void solve(double[][] r, int outputs) {
    int n = rows.length;
    double[][] y = new double[n][];
    for (int k = 0; k < n; k++) {
      y[k] = r[order[k]];
    }
    double[] column = new double[n];
    for (int end = n; end > 0; end -= BLOCK) {
      int start = Math.max(0, end - BLOCK);
      for (int i = end - 1; i >= 0; i--) {
        int first = Math.max(start, i + 1);
        for (int k = first; k < end; k++) {
          column[k] = rows[k][i];
        }
        RowUpdates.add(y[i], -1, column, y, first, end, 0, outputs);
        if (i >= start) {
          divide(y[i], rows[i][i]);
        }
      }
    }
    for (int start = 0; start < n; start += BLOCK) {
      int end = Math.min(n, start + BLOCK);
      for (int i = start; i < n; i++) {
        RowUpdates.add(y[i], -1, rows[i], y, start, Math.min(end, i), 0, outputs);
        if (i < end) {
          divide(y[i], rows[i][i]);
        }
      }
    }
  }

  private static void divide(double[] row, double pivot) {
    if (pivot == 0) {
      Arrays.fill(row, 0);
      return;
    }
    for (int o = 0; o < row.length; o++) {
      row[o] /= pivot;
    }
  }

  /** Replaces the lower triangle of a matrix by L, from the last row to the first. */
  private static void factor(double[][] a) {
    int n = a.length;
    double[] smallest = new double[n];
    for (int i = 0; i < n; i++) {
      smallest[i] = SMALLEST_PIVOT * Math.abs(a[i][i]);
    }
    double[] column = new double[n];
    for (int end = n; end > 0; end -= BLOCK) {
      int start = Math.max(0, end - BLOCK);
      for (int k = end - 1; k >= start; k--) {
        if (a[k][k] > smallest[k]) {
          divide(a[k], Math.sqrt(a[k][k]));
        } else {
          Arrays.fill(a[k], 0);
        }
        for (int i = start; i < k; i++) {
          column[k] = a[k][i];
          RowUpdates.add(a[i], -1, column, a, k, k + 1, 0, i + 1);
        }
      }
      // By columns, so that this block's rows stay in the cache while all others pass by.
      for (int from = 0; from < start; from += TILE) {
        for (int i = from; i < start; i++) {
          for (int k = start; k < end; k++) {
            column[k] = a[k][i];
          }
          RowUpdates.add(a[i], -1, column, a, start, end, from, Math.min(from + TILE, i + 1));
        }
      }
    }
  }
}
