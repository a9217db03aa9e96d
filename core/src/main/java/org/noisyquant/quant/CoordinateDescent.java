package org.noisyquant.quant;

import java.util.Arrays;
import java.util.List;

/**
 * Coordinate descent on codes and scales, for a small tr(Δᵀ(H + λI)Δ), Δ = W − Wq, where H = E[zᵀz]
 * of the layer's input z. Each code in turn goes to the best of its levels given all others
 * (QuantEase, Behdin et al., 2023); after each round over the channels each output's scale goes to
 * the best for its codes. GPTQ passes once, with scales that are fixed, and leaves its last
 * channels with none to make up for them: from its codes a few rounds suffice.
 *
 * <p>With A = H + λI and g = A·Δ of an output, the best code of channel c is q_c + g_c / (s·A_cc),
 * rounded, and the best scale is qᵀAw / qᵀAq. Neither step raises the sum, so no output ends above
 * the best of its starts.
 *
 * <p>Memory 8·C² bytes for A. Time C²·O multiplications for A·W, as many for A·Wq of each start,
 * and C for each code that changes.
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
   * Lowers the loss of each output from several starts, and takes the best.
   *
   * @param weight W [channels, outputs], row-major
   * @param starts of one shape and number of bits, at least one; they stay as they are
   */
  QuantizedWeight lower(float[] weight, List<QuantizedWeight> starts) {
    QuantizedWeight first = starts.get(0);
    int outputs = first.outputs();
    byte[] codes = new byte[channels * outputs];
    float[] scales = new float[outputs];
    for (int o = 0; o < outputs; o += OUTPUT_BLOCK) {
      Outputs block = new Outputs(weight, outputs, o, Math.min(outputs, o + OUTPUT_BLOCK));
      for (QuantizedWeight start : starts) {
        block.start(start);
        for (int round = 0; round < MAX_ROUNDS && block.moveCodes(); round++) {
          block.fitScales();
        }
        block.keepBest(codes, scales);
      }
    }
    return new QuantizedWeight(first.bits(), channels, outputs, codes, scales);
  }

  /** Some of the outputs. All matrices are [outputs][channels]. */
  private final class Outputs {
    private final int all;
    private final int from;
    private final int count;
    private final double[][] w;
    private final double[][] aw;
    private final double[][] q;
    private final double[][] aq;
    private final double[] s;
    private final double[] best;
    private int max;

    Outputs(float[] weight, int all, int from, int to) {
      this.all = all;
      this.from = from;
      count = to - from;
      w = new double[count][channels];
      aw = new double[count][channels];
      q = new double[count][channels];
      aq = new double[count][channels];
      s = new double[count];
      best = new double[count];
      Arrays.fill(best, Double.POSITIVE_INFINITY);
      for (int c = 0; c < channels; c++) {
        for (int o = 0; o < count; o++) {
          w[o][c] = weight[c * all + from + o];
        }
      }
      multiply(w, aw);
    }

    void start(QuantizedWeight start) {
      max = UniformQuantizer.maxLevel(start.bits());
      for (int c = 0; c < channels; c++) {
        for (int o = 0; o < count; o++) {
          q[o][c] = start.codes()[c * all + from + o];
        }
      }
      for (int o = 0; o < count; o++) {
        s[o] = start.scales()[from + o];
        Arrays.fill(aq[o], 0);
      }
      multiply(q, aq);
    }

    /** Adds A·x to the products, in blocks of A's rows that stay in the cache. */
    private void multiply(double[][] x, double[][] products) {
      for (int first = 0; first < channels; first += GramFactor.BLOCK) {
        int end = Math.min(channels, first + GramFactor.BLOCK);
        for (int o = 0; o < count; o++) {
          RowUpdates.add(products[o], 1, x[o], a, first, end, 0, channels);
        }
      }
    }

    /** Whether any code changed. */
    boolean moveCodes() {
      boolean moved = false;
      double[] step = new double[channels];
      for (int c = 0; c < channels; c++) {
        double diagonal = a[c][c];
        // A channel that is always zero keeps its code.
        for (int o = 0; diagonal > 0 && o < count; o++) {
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
      for (int o = 0; o < count; o++) {
        // In float, as it is stored.
        float scale = (float) (dot(q[o], aw[o]) / dot(q[o], aq[o]));
        if (scale > 0 && Float.isFinite(scale)) {
          s[o] = scale;
        }
      }
    }

    /** Takes over the outputs that lose less than before. */
    void keepBest(byte[] codes, float[] scales) {
      for (int o = 0; o < count; o++) {
        double loss = loss(o);
        if (loss < best[o]) {
          best[o] = loss;
          scales[from + o] = (float) s[o];
          for (int c = 0; c < channels; c++) {
            codes[c * all + from + o] = (byte) q[o][c];
          }
        }
      }
    }

    private double loss(int o) {
      double loss = 0;
      for (int c = 0; c < channels; c++) {
        loss += (w[o][c] - s[o] * q[o][c]) * (aw[o][c] - s[o] * aq[o][c]);
      }
      return loss;
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
