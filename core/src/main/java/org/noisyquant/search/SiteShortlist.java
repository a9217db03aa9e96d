package org.noisyquant.search;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.List;

/**
 * What a site's statistics leave to be decided by the images.
 *
 * @param site topological index
 * @param absMax A, largest magnitude of x/c on the calibration part
 * @param rescale c [channels]; null for none
 * @param minMax clip 1 of x without noise or rescale, for comparison
 * @param means E[x_c] on the calibration part [channels], prefix tokens weighted
 * @param spreads Var(x_c) where biases are corrected, else E[x_c²] [channels], likewise
 * @param choices all that may be chosen, at least one without noise; serializable
 */
@SuppressWarnings("ArrayRecordComponent") // Never compared or printed.
public record SiteShortlist(
    int site,
    float absMax,
    float[] rescale,
    double[] means,
    double[] spreads,
    SiteChoice minMax,
    List<SiteChoice> choices)
    implements Serializable {

  /**
   * What is predicted of min-max and then of the choices, in order.
   *
   * @param heldOut the same of the held-out part; NaN where there is none
   */
  public List<CandidateLoss> predicted(double[] heldOut) {
    List<CandidateLoss> losses = new ArrayList<>();
    losses.add(new CandidateLoss(minMax.predicted(), heldOut[0]));
    for (int k = 0; k < choices.size(); k++) {
      losses.add(new CandidateLoss(choices.get(k).predicted(), heldOut[k + 1]));
    }
    return losses;
  }
}
