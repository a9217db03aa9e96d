package org.noisyquant.search;

/**
 * A factor L [C, min(C, O)] of G = Wq·Wqᵀ, so that ‖e·Wq‖² = ‖e·L‖² for every e [C]: with more
 * outputs than channels it costs C/O of the operations and changes nothing but rounding. Wq itself
 * where O ≤ C, else the Cholesky factor in double.
 *
 * @param channels C
 * @param columns min(C, O)
 * @param values L [channels, columns], row-major
 */
record OutputFactor(int channels, int columns, float[] values) {
  /** Pivots below this share of the largest diagonal element are rounding noise of a singular G. */
  private static final double RANK_TOLERANCE = 1e-12;

  /**
   * The factor of a site's quantized weight.
   *
   * @param weight Wq [channels, outputs], row-major
   */
  static OutputFactor of(float[] weight, int channels, int outputs) {
    if (outputs <= channels) {
      return new OutputFactor(channels, outputs, weight);
    }
    return new OutputFactor(channels, channels, cholesky(gram(weight, channels, outputs)));
  }

  private static double[][] gram(float[] weight, int channels, int outputs) {
    double[][] rows = new double[channels][outputs];
    for (int c = 0; c < channels; c++) {
      for (int o = 0; o < outputs; o++) {
        rows[c][o] = weight[c * outputs + o];
      }
    }
    double[][] gram = new double[channels][channels];
    for (int i = 0; i < channels; i++) {
      for (int j = 0; j <= i; j++) {
        gram[i][j] = dot(rows[i], rows[j], outputs);
      }
    }
    return gram;
  }

  /** The lower triangular L of G = L·Lᵀ; G is given by its lower triangle and overwritten. */
  private static float[] cholesky(double[][] g) {
    int n = g.length;
    double largest = 0;
    for (int i = 0; i < n; i++) {
      largest = Math.max(largest, g[i][i]);
    }
    for (int j = 0; j < n; j++) {
      double pivot = g[j][j] - dot(g[j], g[j], j);
      double diagonal = pivot > RANK_TOLERANCE * largest ? Math.sqrt(pivot) : 0;
      g[j][j] = diagonal;
      for (int i = j + 1; i < n; i++) {
        g[i][j] = diagonal == 0 ? 0 : (g[i][j] - dot(g[i], g[j], j)) / diagonal;
      }
    }
    float[] factor = new float[n * n];
    for (int i = 0; i < n; i++) {
      for (int j = 0; j <= i; j++) {
        factor[i * n + j] = (float) g[i][j];
      }
    }
    return factor;
  }

  private static double dot(double[] a, double[] b, int length) {
    double sum = 0;
    for (int k = 0; k < length; k++) {
      sum += a[k] * b[k];
    }
    return sum;
  }
}
