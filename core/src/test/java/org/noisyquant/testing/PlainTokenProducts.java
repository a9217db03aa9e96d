package org.noisyquant.testing;

import org.noisyquant.stats.TokenProducts;

/** Products of tokens by the plain loop, summed in double. */
public final class PlainTokenProducts implements TokenProducts {
  @Override
  public void forEachRow(
      float[] z, float[] x, int tokens, int channels, float[] tokenWeights, Rows rows) {
    for (int c = 0; c < channels; c++) {
      double[] quantized = new double[channels - c];
      double[] cross = new double[channels];
      for (int t = 0; t < tokens; t++) {
        double w = tokenWeights == null ? 1 : tokenWeights[t];
        double left = w * z[t * channels + c];
        for (int j = c; j < channels; j++) {
          quantized[j - c] += left * z[t * channels + j];
        }
        for (int j = 0; j < channels && x != null; j++) {
          cross[j] += left * x[t * channels + j];
        }
      }
      rows.accept(c, floats(quantized), floats(cross));
    }
  }

  private static float[] floats(double[] values) {
    float[] floats = new float[values.length];
    for (int i = 0; i < floats.length; i++) {
      floats[i] = (float) values[i];
    }
    return floats;
  }
}
