package org.noisyquant.search;

import java.util.List;

/**
 * What the search found for one site.
 *
 * @param site topological index
 * @param absMax A, the largest magnitude of the site's activations on the calibration part
 * @param minMax clip 1 without noise
 * @param baseline the best clip without noise
 * @param shift the best shift at that clip
 * @param chosen the noisy bias that is exported; without noise where no noise was better
 */
public record SiteSolution(
    int site,
    float absMax,
    ScoredCandidate minMax,
    ScoredCandidate baseline,
    ScoredCandidate shift,
    ScoredCandidate chosen) {

  /** The lowest loss; the lower index wins a tie. */
  public static ScoredCandidate best(List<ScoredCandidate> scored) {
    ScoredCandidate best = scored.get(0);
    for (ScoredCandidate candidate : scored) {
      if (candidate.loss() < best.loss()) {
        best = candidate;
      }
    }
    return best;
  }

  /**
   * The solution from the three passes' scores, each in candidate order. Noise is chosen only if
   * its loss is below the baseline's.
   */
  public static SiteSolution of(
      int site,
      float absMax,
      List<ScoredCandidate> clips,
      List<ScoredCandidate> shifts,
      List<ScoredCandidate> ranges) {
    ScoredCandidate baseline = best(clips);
    ScoredCandidate noisy = best(ranges);
    return new SiteSolution(
        site,
        absMax,
        clips.get(0),
        baseline,
        best(shifts),
        noisy.loss() < baseline.loss() ? noisy : baseline);
  }
}
