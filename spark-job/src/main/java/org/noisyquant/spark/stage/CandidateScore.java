package org.noisyquant.spark.stage;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import org.noisyquant.search.Candidate;
import org.noisyquant.search.CandidateLoss;
import org.noisyquant.search.NoiseKind;
import org.noisyquant.search.SiteChoice;
import org.noisyquant.search.SiteShortlist;

/**
 * A candidate with its loss: on the images, or without them as it was predicted.
 *
 * @param site topological index
 * @param search the pass of the paper's search, or the kind of noise of the guided one
 * @param index of the candidate in that list
 * @param candidate clip and, for uniform noise, shift and range
 * @param predicted loss; NaN where nothing was predicted
 * @param loss mean squared errors
 */
public record CandidateScore(
    int site, String search, int index, Candidate candidate, double predicted, CandidateLoss loss)
    implements Serializable {

  /**
   * The candidates of a short list.
   *
   * @param losses of min-max and then of the choices, in order
   */
  static List<CandidateScore> of(SiteShortlist list, List<CandidateLoss> losses) {
    List<CandidateScore> scores = new ArrayList<>();
    SiteChoice minMax = list.minMax();
    scores.add(
        new CandidateScore(
            list.site(), "MIN_MAX", 0, minMax.candidate(), minMax.predicted(), losses.get(0)));
    Map<NoiseKind, Integer> counts = new EnumMap<>(NoiseKind.class);
    for (int k = 0; k < list.choices().size(); k++) {
      SiteChoice choice = list.choices().get(k);
      int index = counts.merge(choice.kind(), 1, Integer::sum) - 1;
      scores.add(
          new CandidateScore(
              list.site(),
              choice.kind().name(),
              index,
              choice.candidate(),
              choice.predicted(),
              losses.get(k + 1)));
    }
    return scores;
  }
}
