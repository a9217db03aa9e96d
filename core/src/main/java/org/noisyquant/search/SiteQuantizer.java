package org.noisyquant.search;

import java.io.Serializable;
import org.noisyquant.quant.NoisyBias;
import org.noisyquant.quant.NoisyQuantizer;
import org.noisyquant.quant.UniformQuantizer;

/**
 * From a candidate to numbers: what turns clip, shift and range into the step and the noisy bias of
 * one site. With a channel rescale c all of this is about the tensor x/c, and the quantizers in
 * units of x have the step s·c_c in channel c.
 *
 * @param bits of the activation
 * @param absMax A, the largest magnitude of x/c on the calibration part
 * @param unit u [channels]
 * @param rescale c [channels], positive; null for none
 */
@SuppressWarnings("ArrayRecordComponent") // Never compared or printed.
public record SiteQuantizer(int bits, float absMax, float[] unit, float[] rescale)
    implements Serializable {

  /** Without rescale. */
  public SiteQuantizer(int bits, float absMax, float[] unit) {
    this(bits, absMax, unit, null);
  }

  /** s = A · clip / (2^(b−1) − 1); 1 for a site that is always zero. */
  public UniformQuantizer quantizer(Candidate candidate) {
    float step = (float) (absMax * candidate.clip() / UniformQuantizer.maxLevel(bits));
    return new UniformQuantizer(bits, step > 0f ? step : 1f);
  }

  /** N = s · c · (shift + range · u) [channels], in units of x. */
  public float[] noise(Candidate candidate) {
    float[] noise =
        NoisyBias.scaled(unit, quantizer(candidate).step(), candidate.shift(), candidate.range());
    if (rescale != null) {
      for (int c = 0; c < noise.length; c++) {
        noise[c] *= rescale[c];
      }
    }
    return noise;
  }

  /** s · c [channels], in units of x. */
  float[] steps(float step) {
    float[] steps = new float[unit.length];
    for (int c = 0; c < steps.length; c++) {
      steps[c] = rescale == null ? step : step * rescale[c];
    }
    return steps;
  }

  /** The quantizer with its noise, which is all that is taken off again. */
  public NoisyQuantizer noisy(Candidate candidate) {
    float[] noise = noise(candidate);
    return new NoisyQuantizer(bits, steps(quantizer(candidate).step()), noise, noise);
  }
}
