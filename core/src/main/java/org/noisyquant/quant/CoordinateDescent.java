package org.noisyquant.quant;

/**
 * Coordinate descent on codes and scales, for a small tr(Δᵀ(H + λI)Δ), Δ = W − Wq, where H = E[zᵀz]
 * of the layer's input z. Each code in turn goes to the best of its levels given all others
 * (QuantEase, Behdin et al., 2023); after each round over the channels each output's scale goes to
 * the best for its codes. GPTQ passes once, with scales that are fixed, and leaves its last
 * channels with none to make up for them: from its codes a few rounds suffice.
 *
 * <p>With A = H + λI and g = A·Δ of an output, the best code of channel c is q_c + g_c / (s·A_cc),
 * rounded, and the best scale is qᵀAw / qᵀAq. Neither step raises the sum of an output.
 *
 * <p>Memory 8·C² bytes for A. Time C²·O multiplications for A·W, as many for A·Wq, and C for each
 * code that changes.
 */
final class CoordinateDescent {
  /** Later rounds change less than a code in ten thousand. */
  private static final int MAX_ROUNDS = 8;

  /** Outputs that are worked on together: what belongs to them stays in the second-level cache. */
  private static final int OUTPUT_BLOCK = 64;

  private final int channels;
  private final double[][] a;

  /**
   * Prepares for all layers with one input.
   *
   * @param h H, symmetric and positive semidefinite but for rounding
   * @param channels C
   * @param ridge λ, not negative
   */
  CoordinateDescent(GramFactor.Entries h, int channels, double ridge) {
    this.channels = channels;
    a = new double[channels][channels];
    for (int i = 0; i < channels; i++) {
      for (int j = 0; j <= i; j++) {
        a[i][j] = h.at(i, j);
        a[j][i] = a[i][j];
      }
      a[i][i] += ridge;
    }
  }

  /**
   * Lowers the loss of each output.
   *
   * @param weight W [channels, outputs], row-major
   * @param start codes and scales to begin with; they stay as they are
   */
  QuantizedWeight lower(float[] weight, QuantizedWeight start) {
    byte[] codes = new byte[start.codes().length];
    float[] scales = new float[start.outputs()];
    for (int o = 0; o < scales.length; o += OUTPUT_BLOCK) {
      Outputs block = new Outputs(weight, start, o, Math.min(scales.length, o + OUTPUT_BLOCK));
      boolean moved = true;
      for (int round = 0; round < MAX_ROUNDS && moved; round++) {
        moved = block.moveCodes();
        block.fitScales();
      }
      block.put(codes, scales);
    }
    return new QuantizedWeight(start.bits(), channels, scales.length, codes, scales);
  }

  /** Some of the outputs. All matrices are [outputs][channels]. */
  private final class Outputs {
    private final int all;
    private final int from;
    private final int max;
    private final double[][] q;
    private final double[][] aw;
    private final double[][] aq;
    private final double[] s;

    Outputs(float[] weight, QuantizedWeight start, int from, int to) {
      all = start.outputs();
      this.from = from;
      max = UniformQuantizer.maxLevel(start.bits());
      s = new double[to - from];
      q = new double[s.length][channels];
      double[][] w = new double[s.length][channels];
      for (int o = 0; o < s.length; o++) {
        s[o] = start.scales()[from + o];
        for (int c = 0; c < channels; c++) {
          int place = c * all + from + o;
          w[o][c] = weight[place];
          q[o][c] = start.codes()[place];
        }
      }
      aw = times(w);
      aq = times(q);
    }

    /** A·x, in blocks of A's rows that stay in the cache. */
    private double[][] times(double[][] x) {
      double[][] products = new double[x.length][channels];
      for (int first = 0; first < channels; first += GramFactor.BLOCK) {
        int end = Math.min(channels, first + GramFactor.BLOCK);
        for (int o = 0; o < x.length; o++) {
          RowUpdates.add(products[o], 1, x[o], a, first, end, 0, channels);
        }
      }
      return products;
    }

    /** Whether any code changed. */
    boolean moveCodes() {
      boolean moved = false;
      double[] step = new double[channels];
      for (int c = 0; c < channels; c++) {
        // That of a channel which is always zero is 0: it keeps its codes.
        double diagonal = a[c][c];
        for (int o = 0; diagonal > 0 && o < s.length; o++) {
          double gradient = aw[o][c] - s[o] * aq[o][c];
          double code = Math.rint(q[o][c] + gradient / (s[o] * diagonal));
          step[c] = Math.max(-max, Math.min(max, code)) - q[o][c];
          if (step[c] != 0) {
            q[o][c] += step[c];
            RowUpdates.add(aq[o], 1, step, a, c, c + 1, 0, channels);
            moved = true;
          }
        }
      }
      return moved;
    }

    void fitScales() {
      for (int o = 0; o < s.length; o++) {
        // In float, as it is stored.
        float scale = (float) (dot(q[o], aw[o]) / dot(q[o], aq[o]));
        if (scale > 0 && Float.isFinite(scale)) {
          s[o] = scale;
        }
      }
    }

    void put(byte[] codes, float[] scales) {
      for (int o = 0; o < s.length; o++) {
        scales[from + o] = (float) s[o];
        for (int c = 0; c < channels; c++) {
          codes[c * all + from + o] = (byte) q[o][c];
        }
      }
    }
  }

  private static double dot(double[] x, double[] y) {
    double sum = 0;
    for (int i = 0; i < x.length; i++) {
      sum += x[i] * y[i];
    }
    return sum;
  }
}
