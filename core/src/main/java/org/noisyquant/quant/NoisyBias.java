package org.noisyquant.quant;

import org.noisyquant.random.SeededHash;

/**
 * The noisy bias of a site (paper, section 3.2): N = s · (m + r · u), u_c ~ Uniform(−1, 1), drawn
 * once from the seed and the site's topological index, then fixed.
 */
public final class NoisyBias {
  private NoisyBias() {}

  /**
   * The unit noise u [channels].
   *
   * @param seed the job's seed
   * @param site topological index of the site
   */
  public static float[] unit(long seed, int site, int channels) {
    float[] unit = new float[channels];
    for (int c = 0; c < channels; c++) {
      unit[c] = (float) (2 * SeededHash.unit(SeededHash.hash(seed, site, c)) - 1);
    }
    return unit;
  }

  /**
   * N [channels].
   *
   * @param unit u [channels]
   * @param step s of the activation quantizer
   * @param shift m in steps
   * @param range r in steps
   */
  public static float[] scaled(float[] unit, float step, double shift, double range) {
    float[] noise = new float[unit.length];
    for (int c = 0; c < unit.length; c++) {
      noise[c] = (float) (step * (shift + range * unit[c]));
    }
    return noise;
  }
}
