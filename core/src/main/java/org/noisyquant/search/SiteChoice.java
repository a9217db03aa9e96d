package org.noisyquant.search;

import java.io.Serializable;
import org.noisyquant.quant.NoisyQuantizer;

/**
 * A quantizer that a site may get.
 *
 * @param kind how its noise came about
 * @param candidate clip of x/c and, where noise is uniform, shift and range
 * @param step s of the quantizer of x/c
 * @param quantizer the same in units of x, with noise and what is taken off again
 * @param predicted loss on the calibration part, mean squared error per output; NaN where nothing
 *     was predicted
 */
public record SiteChoice(
    NoiseKind kind, Candidate candidate, float step, NoisyQuantizer quantizer, double predicted)
    implements Serializable {

  /** The choice of a candidate whose noise, if any, is uniform; nothing was predicted. */
  static SiteChoice of(Candidate candidate, SiteQuantizer site) {
    return of(
        candidate.isNoiseless() ? NoiseKind.NONE : NoiseKind.UNIFORM,
        candidate,
        site,
        site.noisy(candidate),
        Double.NaN);
  }

  static SiteChoice of(
      NoiseKind kind,
      Candidate candidate,
      SiteQuantizer site,
      NoisyQuantizer quantizer,
      double predicted) {
    return new SiteChoice(kind, candidate, site.quantizer(candidate).step(), quantizer, predicted);
  }
}
