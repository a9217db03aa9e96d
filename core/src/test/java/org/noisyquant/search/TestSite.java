package org.noisyquant.search;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.noisyquant.quant.NoisyQuantizer;
import org.noisyquant.stats.SiteStatistics;
import org.noisyquant.stats.SiteStatistics.Part;

/**
 * Made-up activations of one site: their statistics, and exact errors by plain loops in double.
 *
 * @param channels C
 * @param prefixTokens of each image
 * @param images activations [tokens, channels] of each
 */
record TestSite(int channels, int prefixTokens, List<float[]> images) {

  /** How the values of a channel are spread. */
  enum Shape {
    /** As after LayerNorm. */
    GAUSSIAN,
    /** As after GELU: skewed, with a spike below zero. */
    GELU,
    /** A few values are ten times as large as most. */
    HEAVY_TAILED;

    double draw(Random random) {
      double g = random.nextGaussian();
      return switch (this) {
        case GAUSSIAN -> g;
        case GELU -> 0.5 * g * (1 + Math.tanh(0.7978845608 * (g + 0.044715 * g * g * g)));
        case HEAVY_TAILED -> g * Math.exp(0.7 * random.nextGaussian());
      };
    }
  }

  /** Channels that are independent of each other, of unlike scales and, but for GELU, means. */
  static TestSite of(Shape shape, int channels, int images, int tokens, long seed) {
    Random random = new Random(seed);
    double[] scales = new double[channels];
    double[] means = new double[channels];
    for (int c = 0; c < channels; c++) {
      scales[c] = Math.pow(2, 2 * random.nextDouble() - 1);
      means[c] = shape == Shape.GELU ? 0 : 0.5 * random.nextGaussian();
    }
    List<float[]> all = new ArrayList<>();
    for (int i = 0; i < images; i++) {
      float[] x = new float[tokens * channels];
      for (int k = 0; k < x.length; k++) {
        int c = k % channels;
        x[k] = (float) (means[c] + scales[c] * shape.draw(random));
      }
      all.add(x);
    }
    return new TestSite(channels, 0, all);
  }

  /** One image whose channels have these values, one for each token. */
  static TestSite ofChannels(float[]... values) {
    int tokens = values[0].length;
    float[] x = new float[tokens * values.length];
    for (int t = 0; t < tokens; t++) {
      for (int c = 0; c < values.length; c++) {
        x[t * values.length + c] = values[c][t];
      }
    }
    return new TestSite(values.length, 0, List.of(x));
  }

  /** The same activations with other channel scales. */
  TestSite scaled(float[] scales) {
    List<float[]> scaled = new ArrayList<>();
    for (float[] x : images) {
      float[] y = x.clone();
      for (int k = 0; k < y.length; k++) {
        y[k] *= scales[k % channels];
      }
      scaled.add(y);
    }
    return new TestSite(channels, prefixTokens, scaled);
  }

  /** The same activations, of which the first tokens of each image are prefix tokens. */
  TestSite withPrefix(int tokens) {
    return new TestSite(channels, tokens, images);
  }

  SiteStatistics statistics() {
    SiteStatistics statistics = SiteStatistics.empty(0, channels, prefixTokens);
    images.forEach(x -> statistics.update(Part.CALIBRATION, x, x.length / channels));
    return statistics;
  }

  CostModel model(int bits, OutputWeights weights, boolean biasCorrection) {
    return new CostModel(bits, statistics(), Part.CALIBRATION, 1, weights, biasCorrection);
  }

  /** Largest magnitudes [channels]. */
  float[] absMax() {
    float[] absMax = new float[channels];
    for (float[] x : images) {
      for (int k = 0; k < x.length; k++) {
        absMax[k % channels] = Math.max(absMax[k % channels], Math.abs(x[k]));
      }
    }
    return absMax;
  }

  /** A, over all channels. */
  float largest() {
    float largest = 0;
    for (float bound : absMax()) {
      largest = Math.max(largest, bound);
    }
    return largest;
  }

  /** All values of a channel. */
  float[] values(int channel) {
    float[] values = new float[images.stream().mapToInt(x -> x.length).sum() / channels];
    int n = 0;
    for (float[] x : images) {
      for (int k = channel; k < x.length; k += channels) {
        values[n++] = x[k];
      }
    }
    return values;
  }

  /**
   * Mean over tokens and outputs of ((q(x + N) − D − x)·W)².
   *
   * @param w [channels, outputs], row-major
   * @param prefixWeight of prefix tokens
   */
  double exactLoss(NoisyQuantizer q, float[] w, double prefixWeight) {
    int outputs = w.length / channels;
    double sum = 0;
    double tokens = 0;
    for (float[] x : images) {
      for (int t = 0; t < x.length / channels; t++) {
        double[] y = new double[outputs];
        for (int c = 0; c < channels; c++) {
          double e = error(q, c, x[t * channels + c]);
          for (int o = 0; o < outputs; o++) {
            y[o] += e * w[c * outputs + o];
          }
        }
        double weight = t < prefixTokens ? prefixWeight : 1;
        tokens += weight;
        for (double v : y) {
          sum += weight * v * v;
        }
      }
    }
    return sum / (tokens * outputs);
  }

  /** q(x + N) − D − x. */
  static double error(NoisyQuantizer q, int channel, float x) {
    double step = q.steps()[channel];
    return quantized(x + (double) q.noise()[channel], step, q.bits())
        - q.removed()[channel]
        - (double) x;
  }

  /** q(t), half to even. */
  static double quantized(double t, double step, int bits) {
    double low = -(1 << (bits - 1));
    return step * Math.max(low, Math.min(-low - 1, Math.rint(t / step)));
  }

  /** Gaussian weights of one layer [channels, outputs]. */
  static float[] weights(int channels, int outputs, long seed) {
    Random random = new Random(seed);
    float[] w = new float[channels * outputs];
    for (int i = 0; i < w.length; i++) {
      w[i] = (float) random.nextGaussian();
    }
    return w;
  }
}
