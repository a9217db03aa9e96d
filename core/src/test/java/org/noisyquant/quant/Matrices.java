package org.noisyquant.quant;

import java.util.Random;

/** Seeded matrices for tests. */
final class Matrices {
  private Matrices() {}

  static double[][] gaussian(int rows, int columns, long seed) {
    Random random = new Random(seed);
    double[][] a = new double[rows][columns];
    for (double[] row : a) {
      for (int j = 0; j < columns; j++) {
        row[j] = random.nextGaussian();
      }
    }
    return a;
  }

  static float[] weight(int inputs, int outputs, long seed) {
    Random random = new Random(seed);
    float[] w = new float[inputs * outputs];
    for (int i = 0; i < w.length; i++) {
      w[i] = (float) random.nextGaussian();
    }
    return w;
  }

  /** Gram matrix of inputs that share {@code rank} causes, unevenly large, plus a ridge. */
  static double[][] gram(int channels, int rank, double ridge, long seed) {
    double[][] causes = gaussian(rank, channels, seed);
    Random random = new Random(seed + 1);
    double[] size = new double[channels];
    for (int c = 0; c < channels; c++) {
      size[c] = 0.2 + random.nextDouble();
    }
    double[][] h = new double[channels][channels];
    for (int i = 0; i < channels; i++) {
      for (int j = 0; j <= i; j++) {
        double sum = i == j ? ridge : 0;
        for (double[] cause : causes) {
          sum += cause[i] * cause[j] / rank;
        }
        h[i][j] = sum * size[i] * size[j];
        h[j][i] = h[i][j];
      }
    }
    return h;
  }

  static double[] flat(double[][] a) {
    double[] flat = new double[a.length * a[0].length];
    for (int i = 0; i < a.length; i++) {
      System.arraycopy(a[i], 0, flat, i * a[i].length, a[i].length);
    }
    return flat;
  }

  /** δᵀHδ of each output, δ = W − Wq. */
  static double[] loss(double[][] h, float[] weight, QuantizedWeight quantized) {
    int outputs = quantized.outputs();
    double[] loss = new double[outputs];
    for (int o = 0; o < outputs; o++) {
      double[] delta = new double[h.length];
      for (int c = 0; c < h.length; c++) {
        int i = c * outputs + o;
        delta[c] = weight[i] - (double) quantized.codes()[i] * quantized.scales()[o];
      }
      for (int i = 0; i < h.length; i++) {
        for (int j = 0; j < h.length; j++) {
          loss[o] += delta[i] * h[i][j] * delta[j];
        }
      }
    }
    return loss;
  }
}
