package org.noisyquant.quant;

/**
 * GPTQ (Frantar et al., 2022): rounds the weights of one input channel after the other and lets the
 * later ones make up for the error of the earlier ones, for a small tr(ΔᵀHΔ), Δ = W − Wq, where H =
 * E[zᵀz] of the layer's input z.
 *
 * <p>Channels go by descending H_cc (activation order). With P(H + λI)Pᵀ = LᵀL the loss of an
 * output is Σ_k (L_kk·Δ_k + Σ_{j&lt;k} L_kj·Δ_j)², so the best w_k to round, given the errors so
 * far, is w_k + Σ_{j&lt;k} L_kj·Δ_j / L_kk. The paper's updates with the Cholesky factor of H⁻¹
 * come to the same weights. Scales stay fixed. An output for which tr(ΔᵀHΔ) would not be smaller
 * than with plain rounding is rounded plainly.
 */
public final class Gptq {
  private final GramFactor factor;

  Gptq(GramFactor factor) {
    this.factor = factor;
  }

  /**
   * Prepares the rounding for all layers with one input.
   *
   * @param h H [channels, channels], symmetric, row-major; a channel with H_cc = 0 is rounded
   *     plainly
   * @param damping λ in units of the mean diagonal of H, not negative; 0.01 in the paper
   */
  public static Gptq of(double[] h, int channels, double damping) {
    if (h.length != (long) channels * channels) {
      throw new IllegalArgumentException(h.length + " values for " + channels + " channels");
    }
    return new Gptq(GramFactor.of((i, j) -> h[i * channels + j], channels, damping));
  }

  /**
   * Quantizes W. Time C²·O multiplications.
   *
   * @param weight W [channels, outputs], row-major, finite
   * @param bits 2 to 8
   * @param scales [outputs], positive
   */
  public QuantizedWeight quantize(float[] weight, int outputs, int bits, float[] scales) {
    int channels = factor.channels();
    WeightQuantizer.check(weight, channels, outputs, bits);
    Rounding greedy = new Rounding(outputs, bits, scales, true);
    Rounding plain = new Rounding(outputs, bits, scales, false);
    double[] w = new double[outputs];
    for (int start = 0; start < channels; start += GramFactor.BLOCK) {
      int end = Math.min(channels, start + GramFactor.BLOCK);
      greedy.carryInto(start, end);
      plain.carryInto(start, end);
      for (int k = start; k < end; k++) {
        int row = factor.channel(k) * outputs;
        for (int o = 0; o < outputs; o++) {
          w[o] = weight[row + o];
        }
        greedy.round(k, start, w);
        plain.round(k, start, w);
      }
    }
    for (int o = 0; o < outputs; o++) {
      if (!(greedy.loss[o] < plain.loss[o])) {
        for (int i = o; i < greedy.codes.length; i += outputs) {
          greedy.codes[i] = plain.codes[i];
        }
      }
    }
    return new QuantizedWeight(bits, channels, outputs, greedy.codes, scales.clone());
  }

  /** One way to round all channels, in the order of the factor. */
  private final class Rounding {
    private final int outputs;
    private final int max;
    private final float[] scales;
    private final boolean makesUp;
    private final byte[] codes;
    private final double[] loss;
    // Δ of the channels so far, and Σ_j L_kj·Δ_j for the channels of the block.
    private final double[][] errors;
    private final double[][] carried = new double[GramFactor.BLOCK][];

    Rounding(int outputs, int bits, float[] scales, boolean makesUp) {
      this.outputs = outputs;
      this.scales = scales;
      this.makesUp = makesUp;
      max = UniformQuantizer.maxLevel(bits);
      codes = new byte[factor.channels() * outputs];
      loss = new double[outputs];
      errors = new double[factor.channels()][outputs];
    }

    /** What the errors before a block mean for it; in blocks that stay in the cache. */
    void carryInto(int start, int end) {
      for (int k = start; k < end; k++) {
        carried[k - start] = new double[outputs];
      }
      for (int first = 0; first < start; first += GramFactor.BLOCK) {
        for (int k = start; k < end; k++) {
          RowUpdates.add(
              carried[k - start],
              1,
              factor.row(k),
              errors,
              first,
              first + GramFactor.BLOCK,
              0,
              outputs);
        }
      }
    }

    void round(int k, int start, double[] w) {
      double[] row = factor.row(k);
      double pivot = row[k];
      double[] carry = carried[k - start];
      double[] error = errors[k];
      RowUpdates.add(carry, 1, row, errors, start, k, 0, outputs);
      int codeRow = factor.channel(k) * outputs;
      for (int o = 0; o < outputs; o++) {
        double target = makesUp && pivot > 0 ? w[o] + carry[o] / pivot : w[o];
        double code = Math.max(-max, Math.min(max, Math.rint(target / scales[o])));
        codes[codeRow + o] = (byte) code;
        error[o] = w[o] - code * scales[o];
        double term = pivot * error[o] + carry[o];
        // The ridge is in L but not in tr(ΔᵀHΔ).
        loss[o] += term * term - factor.ridge() * error[o] * error[o];
      }
    }
  }
}
