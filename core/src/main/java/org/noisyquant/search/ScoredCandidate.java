package org.noisyquant.search;

/**
 * A candidate with its loss, a mean squared error.
 *
 * @param loss on the calibration part
 * @param heldOutLoss on the held-out part; NaN where there is none
 */
public record ScoredCandidate(Candidate candidate, double loss, double heldOutLoss) {
  /** Checks that a choice can be made. */
  public ScoredCandidate {
    if (!(loss >= 0) || Double.isInfinite(loss)) {
      throw new IllegalArgumentException(candidate + " has loss " + loss);
    }
  }
}
