package org.noisyquant.search;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * What was decided for a site, on the images.
 *
 * @param site topological index
 * @param absMax A, largest magnitude of x/c on the calibration part
 * @param rescale c [channels]; null for none
 * @param means E[x_c] [channels] and ...
 * @param spreads ... Var(x_c) or E[x_c²] [channels], as in {@link SiteShortlist}; null where the
 *     search did not predict
 * @param minMax clip 1 without noise or rescale
 * @param baseline the best without noise: same rescale, its own step
 * @param chosen what is exported
 * @param dropped whether a noise that was better on the calibration part was no better on the
 *     held-out part, so that the baseline was chosen
 */
@SuppressWarnings("ArrayRecordComponent") // Never compared or printed.
public record SiteDecision(
    int site,
    float absMax,
    float[] rescale,
    double[] means,
    double[] spreads,
    Scored minMax,
    Scored baseline,
    Scored chosen,
    boolean dropped)
    implements Serializable {

  /**
   * A choice with its exact loss.
   *
   * @param choice what
   * @param loss mean squared errors per output
   */
  public record Scored(SiteChoice choice, CandidateLoss loss) implements Serializable {}

  /**
   * Decides on a short list. The lowest loss on the calibration part wins, the earlier on a tie;
   * noise that does not beat the baseline on the held-out part, where there is one, is dropped.
   *
   * @param losses of min-max and then of the choices, in order
   */
  public static SiteDecision of(SiteShortlist list, List<CandidateLoss> losses) {
    Scored minMax = new Scored(list.minMax(), losses.get(0));
    List<Scored> scored = new ArrayList<>();
    for (int k = 0; k < list.choices().size(); k++) {
      scored.add(new Scored(list.choices().get(k), losses.get(k + 1)));
    }
    Scored baseline =
        best(scored.stream().filter(s -> s.choice().kind() == NoiseKind.NONE).toList());
    Scored best = best(scored);
    boolean dropped =
        best.choice().kind() != NoiseKind.NONE
            && best.loss().heldOut() >= baseline.loss().heldOut();
    return new SiteDecision(
        list.site(),
        list.absMax(),
        list.rescale(),
        list.means(),
        list.spreads(),
        minMax,
        baseline,
        dropped ? baseline : best,
        dropped);
  }

  /** Decides on what is predicted for the calibration part. */
  public static SiteDecision predicted(SiteShortlist list) {
    double[] heldOut = new double[list.choices().size() + 1];
    Arrays.fill(heldOut, Double.NaN);
    return of(list, list.predicted(heldOut));
  }

  /** The decision that the paper's searches came to. */
  public static SiteDecision of(SiteSolution solution, SiteQuantizer site) {
    return new SiteDecision(
        solution.site(),
        solution.absMax(),
        null,
        null,
        null,
        scored(solution.minMax(), site),
        scored(solution.baseline(), site),
        scored(solution.chosen(), site),
        false);
  }

  /** Whether both exported models have the same quantizer here. */
  public boolean keepsBaseline() {
    return chosen.equals(baseline);
  }

  private static Scored scored(ScoredCandidate scored, SiteQuantizer site) {
    return new Scored(
        SiteChoice.of(scored.candidate(), site),
        new CandidateLoss(scored.loss(), scored.heldOutLoss()));
  }

  private static Scored best(List<Scored> scored) {
    Scored best = scored.get(0);
    for (Scored s : scored) {
      if (s.loss().calibration() < best.loss().calibration()) {
        best = s;
      }
    }
    return best;
  }
}
