package org.noisyquant.search;

import java.util.List;

/**
 * The paper's three searches, each one pass over the images for all sites together. A pass starts
 * from the best candidate of the pass before.
 */
public enum SearchPass {
  /** The quantizer's step without noise; its best candidate is the baseline. */
  CLIP {
    @Override
    public List<Candidate> candidates(CandidateGrid grid, Candidate incumbent) {
      return grid.clipCandidates();
    }
  },
  /** The mean of the noisy bias. */
  SHIFT {
    @Override
    public List<Candidate> candidates(CandidateGrid grid, Candidate incumbent) {
      return grid.shiftCandidates(incumbent);
    }
  },
  /** The range of the noisy bias around its mean. */
  RANGE {
    @Override
    public List<Candidate> candidates(CandidateGrid grid, Candidate incumbent) {
      return grid.rangeCandidates(incumbent);
    }
  };

  /**
   * The candidates of this pass in the order whose lower index wins a tie.
   *
   * @param incumbent the best candidate of the pass before
   */
  public abstract List<Candidate> candidates(CandidateGrid grid, Candidate incumbent);
}
