package org.noisyquant.spark.stage;

import org.noisyquant.search.CandidateGrid;
import org.noisyquant.search.NoiseKind;
import org.noisyquant.search.Objective;

/** Search settings with all that a guided search can do. */
final class TestSearch {
  private TestSearch() {}

  static SearchSettings of(
      boolean guided, double prefixWeight, int imageCount, double tokenFraction) {
    return new SearchSettings(
        guided,
        CandidateGrid.AUTHORS,
        Objective.OUTPUT,
        NoiseKind.OPTIMIZED,
        true,
        true,
        true,
        prefixWeight,
        imageCount,
        tokenFraction);
  }
}
