package org.noisyquant.spark.stage;

import java.io.Serializable;
import org.noisyquant.search.CandidateGrid;
import org.noisyquant.search.NoiseKind;
import org.noisyquant.search.Objective;

/**
 * How quantizers and noisy biases are searched.
 *
 * @param guided whether statistics leave a short list to one image pass; else the paper's three
 *     passes score every candidate of the grid
 * @param grid the candidates, or the points that a guided search of uniform noise may land on
 * @param objective where a candidate's error is measured
 * @param noise which noisy biases a guided search may choose
 * @param fold whether noise is folded into the network where it can be
 * @param channelRescale whether a guided search may rescale channels where the network absorbs it
 * @param biasCorrection whether a guided search takes it that mean errors cost nothing, because
 *     biases are corrected
 * @param prefixWeight what a class, distillation or register token counts against a patch token;
 *     {@link #MEASURED} to have it measured
 * @param imageCount most images of each part that candidates are scored on; 0: all
 * @param tokenFraction share of their tokens that is scored, in (0, 1]
 */
public record SearchSettings(
    boolean guided,
    CandidateGrid grid,
    Objective objective,
    NoiseKind noise,
    boolean fold,
    boolean channelRescale,
    boolean biasCorrection,
    double prefixWeight,
    int imageCount,
    double tokenFraction)
    implements Serializable {
  /** The weight of prefix tokens is the one that does best on the held-out images. */
  public static final double MEASURED = 0;

  /** The same with a weight of prefix tokens. */
  SearchSettings withPrefixWeight(double weight) {
    return new SearchSettings(
        guided,
        grid,
        objective,
        noise,
        fold,
        channelRescale,
        biasCorrection,
        weight,
        imageCount,
        tokenFraction);
  }

  /** The same without uniform noise: clips only. */
  SearchSettings withoutDraws() {
    return new SearchSettings(
        guided,
        new CandidateGrid(grid.clips(), 1, 1),
        objective,
        noise,
        fold,
        channelRescale,
        biasCorrection,
        prefixWeight,
        imageCount,
        tokenFraction);
  }
}
