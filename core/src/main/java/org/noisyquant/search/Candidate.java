package org.noisyquant.search;

import java.io.Serializable;

/**
 * One choice of quantizer and noisy bias for a site, relative to the site's largest magnitude A: s
 * = A · clip / (2^(b−1) − 1), N = s · (shift + range · u).
 *
 * @param clip in (0, 1]: the largest positive level as a fraction of A
 * @param shift m, in steps
 * @param range r, in steps; 0 is no random part
 */
public record Candidate(double clip, double shift, double range) implements Serializable {
  /** Min-max without noise: where every search starts. */
  public static final Candidate MIN_MAX = new Candidate(1, 0, 0);

  /** Checks the domain. */
  public Candidate {
    if (!(clip > 0 && clip <= 1) || !Double.isFinite(shift) || !(range >= 0 && range < 1e6)) {
      throw new IllegalArgumentException("clip " + clip + ", shift " + shift + ", range " + range);
    }
  }

  /** Whether N is zero. */
  public boolean isNoiseless() {
    return shift == 0 && range == 0;
  }

  /** The same quantizer without noise. */
  public Candidate withoutNoise() {
    return new Candidate(clip, 0, 0);
  }
}
