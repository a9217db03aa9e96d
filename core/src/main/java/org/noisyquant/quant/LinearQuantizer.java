package org.noisyquant.quant;

import org.noisyquant.error.ErrorCode;
import org.noisyquant.error.NoisyQuantException;
import org.noisyquant.stats.InputMoments;

/**
 * Chooses weights and bias of the linear layers of one site, once its activation quantizer is
 * fixed. The layer y = x·W + b becomes y' = q(x / c + N)·Wq + b', and sees z = c ⊙ (q(x / c + N) −
 * N). In the scaled space, z' = z / c, x' = x / c, W' = c ⊙ W (rows):
 *
 * <pre>
 *   H = E[z'ᵀz'],  X = E[z'ᵀx']                    less the means' products if the bias is corrected
 *   W* = W' + (H + λI)⁻¹(X − H)·W'                 if compensated: minimises E‖z'W* − x'W'‖² + ridge
 *   Wq = round(W*)                                 min-max, MSE with diag(H), or GPTQ with H
 *   b' = b + E[x']·W' − (E[z'] + N)·Wq             if the bias is corrected, else b − N·Wq
 * </pre>
 *
 * <p>Sums in double. The factor of H is computed once for all layers of the site: C³/3
 * multiplications, and 2·C²·O for each layer's GPTQ and as much again for its compensation; memory
 * 4·C² bytes for the factor and 8·C·O for each of up to three work matrices.
 */
public final class LinearQuantizer {
  private final WeightSettings settings;
  private final int channels;
  private final InputMoments moments;
  private final double[] secondMoment;
  private final double[] inputMean;
  private final double[] quantizedMean;
  private final float[] rescale;
  private final float[] noise;
  private GramFactor factor;

  private LinearQuantizer(
      WeightSettings settings,
      int channels,
      InputMoments moments,
      double[] secondMoment,
      double[] inputMean,
      double[] quantizedMean,
      float[] rescale,
      float[] noise) {
    this.settings = settings;
    this.inputMean = inputMean;
    this.quantizedMean = quantizedMean;
    this.channels = channels;
    this.moments = moments;
    this.rescale = rescale == null ? null : checkedRescale(rescale, channels);
    this.noise = noise;
    if (noise != null && noise.length != channels) {
      throw new IllegalArgumentException("noise [" + noise.length + "] for " + channels);
    }
    this.secondMoment = secondMoment;
  }

  /**
   * For a site with moments.
   *
   * @param moments of x and z, without rescale: z = c ⊙ (q(x / c + N) − N); with cross products if
   *     the settings compensate
   * @param rescale c [channels], positive; null for 1
   * @param noise N [channels], what is added to x / c; null for 0
   * @throws NoisyQuantException STATISTICS_INVALID if the moments hold no token
   */
  public static LinearQuantizer of(
      WeightSettings settings, InputMoments moments, float[] rescale, float[] noise) {
    if (!(moments.weight() > 0)) {
      throw new NoisyQuantException(
          ErrorCode.STATISTICS_INVALID, moments + " hold no token; calibrate with more images");
    }
    return new LinearQuantizer(
        settings, moments.channels(), moments, null, null, null, rescale, noise);
  }

  /**
   * For a site without moments; the settings must not need them.
   *
   * @param secondMoment E[x_c²] [channels] without rescale, or a variance; null for min-max
   * @param inputMean E[x_c] [channels]; null where the bias is not corrected
   * @param quantizedMean E[z_c] [channels], without rescale; null where the bias is not corrected
   * @param rescale c [channels], positive; null for 1
   * @param noise N [channels], what is added to x / c; null for 0
   */
  public static LinearQuantizer withoutMoments(
      WeightSettings settings,
      int channels,
      double[] secondMoment,
      double[] inputMean,
      double[] quantizedMean,
      float[] rescale,
      float[] noise) {
    if (settings.needMoments()
        || (settings.rounding() == WeightRounding.MSE && secondMoment == null)
        || (settings.biasCorrection() && (inputMean == null || quantizedMean == null))) {
      throw new IllegalArgumentException(settings + " need moments");
    }
    return new LinearQuantizer(
        settings, channels, null, secondMoment, inputMean, quantizedMean, rescale, noise);
  }

  /**
   * Quantizes a layer.
   *
   * @param weight W [channels, outputs], row-major, finite, without rescale
   * @param bias b [outputs]
   */
  public QuantizedLinear quantize(float[] weight, float[] bias, int outputs) {
    WeightQuantizer.check(weight, channels, outputs, settings.bits());
    float[] scaled = scaledRows(weight, outputs);
    float[] target = settings.compensate() ? compensated(scaled, outputs) : scaled;
    QuantizedWeight quantized =
        switch (settings.rounding()) {
          case MINMAX -> WeightQuantizer.minMax(target, channels, outputs, settings.bits());
          case MSE -> mse(target, outputs);
          case GPTQ ->
              new Gptq(factor())
                  .quantize(target, outputs, settings.bits(), mse(target, outputs).scales());
        };
    float[] offset = noise == null ? new float[channels] : noise;
    return new QuantizedLinear(
        quantized,
        settings.biasCorrection()
            ? correctedBias(scaled, bias, quantized, offset)
            : quantized.denoisedBias(bias, offset));
  }

  private QuantizedWeight mse(float[] target, int outputs) {
    double[] m = new double[channels];
    for (int c = 0; c < channels; c++) {
      m[c] =
          moments == null
              ? secondMoment[c] / (scale(c) * scale(c))
              : Math.max(0, quantizedMoment(c, c)); // rounding can leave a constant channel below 0
    }
    return WeightQuantizer.mse(target, channels, outputs, settings.bits(), m);
  }

  /** W* [channels, outputs]. */
  float[] compensated(float[] weight, int outputs) {
    double[][] w = new double[channels][outputs];
    for (int c = 0; c < channels; c++) {
      for (int o = 0; o < outputs; o++) {
        w[c][o] = weight[c * outputs + o];
      }
    }
    double[][] update = mismatchTimes(w, outputs);
    factor().solve(update, outputs);
    float[] target = new float[weight.length];
    for (int c = 0; c < channels; c++) {
      for (int o = 0; o < outputs; o++) {
        target[c * outputs + o] = (float) (w[c][o] + update[c][o]);
      }
    }
    return target;
  }

  /** (X − H)·W, in blocks of both factors that stay in the cache. */
  private double[][] mismatchTimes(double[][] w, int outputs) {
    int block = GramFactor.BLOCK;
    double[][] product = new double[channels][outputs];
    double[][] mismatch = new double[Math.min(block, channels)][channels];
    for (int from = 0; from < channels; from += block) {
      int to = Math.min(channels, from + block);
      for (int i = from; i < to; i++) {
        for (int j = 0; j < channels; j++) {
          mismatch[i - from][j] = crossMoment(i, j) - quantizedMoment(i, j);
        }
      }
      for (int first = 0; first < channels; first += block) {
        int end = Math.min(channels, first + block);
        for (int i = from; i < to; i++) {
          RowUpdates.add(product[i], 1, mismatch[i - from], w, first, end, 0, outputs);
        }
      }
    }
    return product;
  }

  private float[] correctedBias(
      float[] weight, float[] bias, QuantizedWeight quantized, float[] offset) {
    int outputs = bias.length;
    byte[] codes = quantized.codes();
    double[] before = new double[outputs];
    double[] after = new double[outputs];
    for (int c = 0; c < channels; c++) {
      double x = (moments == null ? inputMean[c] : moments.inputMean(c)) / scale(c);
      double mean = moments == null ? quantizedMean[c] : moments.quantizedMean(c);
      double z = mean / scale(c) + offset[c];
      for (int o = 0; o < outputs; o++) {
        before[o] += x * weight[c * outputs + o];
        after[o] += z * codes[c * outputs + o];
      }
    }
    float[] corrected = new float[outputs];
    for (int o = 0; o < outputs; o++) {
      corrected[o] = (float) (bias[o] + before[o] - after[o] * quantized.scales()[o]);
    }
    return corrected;
  }

  private GramFactor factor() {
    if (factor == null) {
      factor = GramFactor.of(this::quantizedMoment, channels, settings.damping());
    }
    return factor;
  }

  /** H. With bias correction the mean error costs nothing, and only the rest counts. */
  private double quantizedMoment(int i, int j) {
    double moment =
        settings.biasCorrection()
            ? moments.quantizedCovariance(i, j)
            : moments.quantizedMoment(i, j);
    return moment / (scale(i) * scale(j));
  }

  /** X. */
  private double crossMoment(int i, int j) {
    double moment =
        settings.biasCorrection() ? moments.crossCovariance(i, j) : moments.crossMoment(i, j);
    return moment / (scale(i) * scale(j));
  }

  private double scale(int c) {
    return rescale == null ? 1 : rescale[c];
  }

  private float[] scaledRows(float[] weight, int outputs) {
    if (rescale == null) {
      return weight;
    }
    float[] scaled = new float[weight.length];
    for (int c = 0; c < channels; c++) {
      for (int o = 0; o < outputs; o++) {
        scaled[c * outputs + o] = weight[c * outputs + o] * rescale[c];
      }
    }
    return scaled;
  }

  private static float[] checkedRescale(float[] rescale, int channels) {
    if (rescale.length != channels) {
      throw new IllegalArgumentException("rescale [" + rescale.length + "] for " + channels);
    }
    for (int c = 0; c < channels; c++) {
      if (!(rescale[c] > 0) || Float.isInfinite(rescale[c])) {
        throw new IllegalArgumentException("rescale of channel " + c + ": " + rescale[c]);
      }
    }
    return rescale;
  }
}
