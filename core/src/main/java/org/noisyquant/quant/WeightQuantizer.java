package org.noisyquant.quant;

import java.util.Arrays;

/**
 * Per-output-channel symmetric weight quantization: code = clamp(rint(w / s_o)) half to even, on
 * −(2^(b−1) − 1) … 2^(b−1) − 1. A channel of zeros gets scale 1.
 */
public final class WeightQuantizer {
  /** Clips tried by {@link #mse}, as shares of the largest magnitude, then around the best. */
  private static final double COARSE = 0.01;

  private static final int SMALLEST_CLIP = 5;
  private static final double FINE = 0.002;
  private static final int FINE_STEPS = 4;

  /** Where all outputs lose so many times their least, tighter clips are not tried. */
  private static final float HOPELESS = 8;

  /** Adding and subtracting 1.5·2^23 rounds half to even while |x| ≤ 2^22. */
  private static final float ROUND = 0x1.8p23f;

  private WeightQuantizer() {}

  /**
   * Quantizes W with the paper's scales, s_o = max|w_o| / (2^(b−1) − 1).
   *
   * @param weight W [inputs, outputs], row-major, finite
   * @param bits 2 to 8
   */
  public static QuantizedWeight minMax(float[] weight, int inputs, int outputs, int bits) {
    check(weight, inputs, outputs, bits);
    return round(weight, inputs, outputs, bits, minMaxScales(weight, inputs, outputs, bits));
  }

  /**
   * Quantizes W with the scale of each output that minimises Σ_c m_c·(w_c − q(w_c))² over clips
   * from 5 to 100 % of max|w_o|: in steps of 1 %, then of 0.2 % around the best. Clips go from wide
   * to tight as long as there is hope: what clipping costs can only grow. Never worse than {@link
   * #minMax} in that measure.
   *
   * @param weight W [inputs, outputs], row-major, finite
   * @param bits 2 to 8
   * @param secondMoment m [inputs], finite and not negative: E[z_c²], or a variance where the mean
   *     error is taken off; only ratios matter
   */
  public static QuantizedWeight mse(
      float[] weight, int inputs, int outputs, int bits, double[] secondMoment) {
    check(weight, inputs, outputs, bits);
    if (secondMoment.length != inputs) {
      throw new IllegalArgumentException(
          secondMoment.length + " second moments for " + inputs + " inputs");
    }
    float[] minMax = minMaxScales(weight, inputs, outputs, bits);
    float[] scales = new ClipSearch(weight, inputs, outputs, bits, minMax, secondMoment).scales();
    double[] loss = loss(weight, inputs, outputs, bits, scales, secondMoment);
    double[] minMaxLoss = loss(weight, inputs, outputs, bits, minMax, secondMoment);
    for (int o = 0; o < outputs; o++) {
      // The search rounds its sums to float: here they are compared in double.
      if (!(loss[o] < minMaxLoss[o])) {
        scales[o] = minMax[o];
      }
    }
    return round(weight, inputs, outputs, bits, scales);
  }

  static void check(float[] weight, int inputs, int outputs, int bits) {
    if (bits < 2 || bits > 8) {
      throw new IllegalArgumentException("bits must be 2 to 8: " + bits);
    }
    if (weight.length != (long) inputs * outputs) {
      throw new IllegalArgumentException(
          weight.length + " values for a weight [" + inputs + ", " + outputs + "]");
    }
  }

  private static float[] minMaxScales(float[] weight, int inputs, int outputs, int bits) {
    float[] scales = new float[outputs];
    for (int c = 0; c < inputs; c++) {
      for (int o = 0; o < outputs; o++) {
        scales[o] = Math.max(scales[o], Math.abs(weight[c * outputs + o]));
      }
    }
    for (int o = 0; o < outputs; o++) {
      // A subnormal maximum would round to scale 0.
      float scale = scales[o] / UniformQuantizer.maxLevel(bits);
      scales[o] = scale > 0f ? scale : 1f;
    }
    return scales;
  }

  private static QuantizedWeight round(
      float[] weight, int inputs, int outputs, int bits, float[] scales) {
    byte[] codes = new byte[inputs * outputs];
    int max = UniformQuantizer.maxLevel(bits);
    for (int c = 0; c < inputs; c++) {
      for (int o = 0; o < outputs; o++) {
        int i = c * outputs + o;
        codes[i] = (byte) code(weight[i], scales[o], max);
      }
    }
    return new QuantizedWeight(bits, inputs, outputs, codes, scales);
  }

  private static double code(float w, float scale, int max) {
    return Math.max(-max, Math.min(max, Math.rint(w / scale)));
  }

  /** Σ_c m_c·(w_c − q(w_c))² [outputs]. */
  private static double[] loss(
      float[] weight, int inputs, int outputs, int bits, float[] scales, double[] secondMoment) {
    double[] loss = new double[outputs];
    int max = UniformQuantizer.maxLevel(bits);
    for (int c = 0; c < inputs; c++) {
      for (int o = 0; o < outputs; o++) {
        float w = weight[c * outputs + o];
        double e = w - code(w, scales[o], max) * scales[o];
        loss[o] += secondMoment[c] * e * e;
      }
    }
    return loss;
  }

  /** The search of {@link #mse}, in float and in units of the min-max scales. */
  private static final class ClipSearch {
    /** W in units of the min-max scales. */
    private final float[] weight;

    private final int inputs;
    private final int outputs;
    private final float max;
    private final float[] minMax;
    private final float[] moments;
    private final float[] best;
    private final float[] bestLoss;

    ClipSearch(
        float[] weight, int inputs, int outputs, int bits, float[] minMax, double[] secondMoment) {
      this.weight = new float[weight.length];
      for (int c = 0; c < inputs; c++) {
        for (int o = 0; o < outputs; o++) {
          this.weight[c * outputs + o] = weight[c * outputs + o] / minMax[o];
        }
      }
      this.inputs = inputs;
      this.outputs = outputs;
      this.minMax = minMax;
      max = UniformQuantizer.maxLevel(bits);
      best = new float[outputs];
      bestLoss = new float[outputs];
      Arrays.fill(bestLoss, Float.POSITIVE_INFINITY);
      double largest = 0;
      for (int c = 0; c < inputs; c++) {
        if (!(secondMoment[c] >= 0) || Double.isInfinite(secondMoment[c])) {
          throw new IllegalArgumentException(
              "second moment of input " + c + ": " + secondMoment[c]);
        }
        largest = Math.max(largest, secondMoment[c]);
      }
      moments = new float[inputs];
      for (int c = 0; c < inputs; c++) {
        moments[c] = (float) (secondMoment[c] / (largest > 0 ? largest : 1));
      }
    }

    float[] scales() {
      float[] clips = new float[outputs];
      boolean hope = true;
      for (int i = (int) Math.rint(1 / COARSE); hope && i >= SMALLEST_CLIP; i--) {
        Arrays.fill(clips, (float) (i * COARSE));
        hope = tryClips(clips);
      }
      float[] coarse = best.clone();
      for (int i = FINE_STEPS; i >= -FINE_STEPS; i--) {
        for (int o = 0; o < outputs; o++) {
          clips[o] = (float) Math.min(1, coarse[o] + i * FINE);
        }
        tryClips(clips);
      }
      float[] scales = new float[outputs];
      for (int o = 0; o < outputs; o++) {
        scales[o] = best[o] * minMax[o];
      }
      return scales;
    }

    /** Whether some output loses not much more than its least. */
    private boolean tryClips(float[] clips) {
      float[] inverse = new float[outputs];
      for (int o = 0; o < outputs; o++) {
        inverse[o] = 1 / clips[o];
      }
      float[] loss = new float[outputs];
      float[] row = new float[outputs];
      for (int c = 0; c < inputs; c++) {
        if (moments[c] > 0) {
          System.arraycopy(weight, c * outputs, row, 0, outputs);
          addLoss(row, clips, inverse, loss, moments[c], max);
        }
      }
      boolean hope = false;
      for (int o = 0; o < outputs; o++) {
        if (loss[o] < bestLoss[o]) {
          bestLoss[o] = loss[o];
          best[o] = clips[o];
        }
        hope |= loss[o] > 0 && loss[o] <= HOPELESS * bestLoss[o];
      }
      return hope;
    }

    /**
     * HotSpot vectorizes this loop because all arrays share one index. On integers |r + max| − |r −
     * max| is exact and clamps r to ± max, doubled.
     */
    private static void addLoss(
        float[] w, float[] clip, float[] inverse, float[] loss, float moment, float max) {
      for (int o = 0; o < w.length; o++) {
        float v = w[o];
        float r = (v * inverse[o] + ROUND) - ROUND;
        float e = v - 0.5f * (Math.abs(r + max) - Math.abs(r - max)) * clip[o];
        loss[o] += moment * (e * e);
      }
    }
  }
}
