package org.noisyquant.search;

import java.io.Serializable;
import org.noisyquant.quant.NoisyBias;
import org.noisyquant.quant.UniformQuantizer;

/**
 * From a candidate to numbers: what turns clip, shift and range into the step and the noisy bias of
 * one site.
 *
 * @param bits of the activation
 * @param absMax A of the site, on the calibration part
 * @param unit u [channels]
 */
public record SiteQuantizer(int bits, float absMax, float[] unit) implements Serializable {
  /** s = A · clip / (2^(b−1) − 1); 1 for a site that is always zero. */
  public UniformQuantizer quantizer(Candidate candidate) {
    float step = (float) (absMax * candidate.clip() / UniformQuantizer.maxLevel(bits));
    return new UniformQuantizer(bits, step > 0f ? step : 1f);
  }

  /** N = s · (shift + range · u) [channels]. */
  public float[] noise(Candidate candidate) {
    return NoisyBias.scaled(
        unit, quantizer(candidate).step(), candidate.shift(), candidate.range());
  }
}
