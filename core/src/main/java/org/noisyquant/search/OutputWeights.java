package org.noisyquant.search;

import java.util.Arrays;
import java.util.List;
import org.noisyquant.quant.QuantizedWeight;

/**
 * What an error at a site does to the outputs of its layers: e ↦ e·W, W [channels, outputs] of all
 * layers side by side. At the input objective W is the identity.
 */
public final class OutputWeights {
  private final int channels;
  private final int outputs;
  private final float[] joined;

  private OutputWeights(int channels, int outputs, float[] joined) {
    this.channels = channels;
    this.outputs = outputs;
    this.joined = joined;
  }

  /**
   * The weights of a site's layers, side by side.
   *
   * @param layers W of each layer [channels, outputs of the layer], row-major
   */
  public static OutputWeights joined(int channels, List<float[]> layers) {
    int outputs = layers.stream().mapToInt(w -> w.length / channels).sum();
    float[] joined = new float[channels * outputs];
    int offset = 0;
    for (float[] w : layers) {
      int width = w.length / channels;
      if (width * channels != w.length) {
        throw new IllegalArgumentException(w.length + " weights of " + channels + " channels");
      }
      for (int c = 0; c < channels; c++) {
        System.arraycopy(w, c * width, joined, c * outputs + offset, width);
      }
      offset += width;
    }
    return new OutputWeights(channels, outputs, joined);
  }

  /** The quantized weights of a site's layers, side by side. */
  public static OutputWeights ofQuantized(List<QuantizedWeight> layers) {
    return joined(
        layers.get(0).inputs(), layers.stream().map(QuantizedWeight::dequantized).toList());
  }

  /** The identity: the error is measured at the site itself. */
  public static OutputWeights identity(int channels) {
    return new OutputWeights(channels, channels, null);
  }

  /** C. */
  public int channels() {
    return channels;
  }

  /** O of all layers together. */
  public int outputs() {
    return outputs;
  }

  /** W [channels, outputs], row-major; null for the identity. */
  float[] values() {
    return joined;
  }

  /** G_cc = Σ_o W[c, o]² of every channel. */
  double[] gains() {
    double[] gains = new double[channels];
    if (joined == null) {
      Arrays.fill(gains, 1);
      return gains;
    }
    for (int c = 0; c < channels; c++) {
      double sum = 0;
      for (int i = c * outputs; i < (c + 1) * outputs; i++) {
        sum += (double) joined[i] * joined[i];
      }
      gains[c] = sum;
    }
    return gains;
  }

  /** ‖W‖², the sum of the squares of all weights; C for the identity. */
  public double squaredNorm() {
    double sum = 0;
    for (double gain : gains()) {
      sum += gain;
    }
    return sum;
  }

  /** ‖e·W‖² of one error e [channels]. */
  double squaredNorm(float[] e) {
    float[] product = e;
    if (joined != null) {
      product = new float[outputs];
      float[] row = new float[outputs];
      for (int c = 0; c < channels; c++) {
        System.arraycopy(joined, c * outputs, row, 0, outputs);
        addScaled(product, row, e[c]);
      }
    }
    double sum = 0;
    for (float v : product) {
      sum += (double) v * v;
    }
    return sum;
  }

  private static void addScaled(float[] sum, float[] row, float factor) {
    for (int o = 0; o < sum.length; o++) {
      sum[o] += factor * row[o];
    }
  }
}
