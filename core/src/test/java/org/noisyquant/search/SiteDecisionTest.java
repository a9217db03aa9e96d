package org.noisyquant.search;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class SiteDecisionTest {
  private static final SiteQuantizer SITE = new SiteQuantizer(4, 7f, new float[] {0.5f, -0.5f});

  private static SiteChoice choice(NoiseKind kind, double clip) {
    Candidate candidate = new Candidate(clip, kind == NoiseKind.NONE ? 0 : 0.25, 0);
    return SiteChoice.of(kind, candidate, SITE, SITE.noisy(candidate), 1);
  }

  private static SiteShortlist list(SiteChoice... choices) {
    return new SiteShortlist(
        5,
        7f,
        new float[] {1, 2},
        new double[] {3, 4},
        new double[] {5, 6},
        choice(NoiseKind.NONE, 1),
        List.of(choices));
  }

  /** Calibration and held-out loss of min-max and of each choice in turn. */
  private static List<CandidateLoss> losses(double... pairs) {
    List<CandidateLoss> losses = new ArrayList<>();
    for (int i = 0; i < pairs.length; i += 2) {
      losses.add(new CandidateLoss(pairs[i], pairs[i + 1]));
    }
    return losses;
  }

  private final SiteChoice plain = choice(NoiseKind.NONE, 0.9);
  private final SiteChoice tighter = choice(NoiseKind.NONE, 0.8);
  private final SiteChoice uniform = choice(NoiseKind.UNIFORM, 0.9);
  private final SiteChoice optimized = choice(NoiseKind.OPTIMIZED, 0.9);

  @Test
  void theLowestCalibrationLossWins() {
    SiteDecision decision =
        SiteDecision.of(
            list(plain, tighter, uniform, optimized), losses(9, 9, 5, 5, 4, 4, 3, 3, 2, 3.5));

    assertThat(decision.chosen().choice()).isSameAs(optimized);
    assertThat(decision.chosen().loss()).isEqualTo(new CandidateLoss(2, 3.5));
    assertThat(decision.baseline().choice()).isSameAs(tighter);
    assertThat(decision.dropped()).isFalse();
  }

  @Test
  void withoutImagesTheLowestPredictionWins() {
    SiteChoice better =
        SiteChoice.of(NoiseKind.OPTIMIZED, optimized.candidate(), SITE, optimized.quantizer(), 0.5);
    SiteDecision decision = SiteDecision.predicted(list(plain, better, uniform));

    assertThat(decision.chosen().choice()).isSameAs(better);
    assertThat(decision.chosen().loss()).isEqualTo(new CandidateLoss(0.5, Double.NaN));
    assertThat(decision.baseline().choice()).isSameAs(plain);
    assertThat(decision.minMax().loss()).isEqualTo(new CandidateLoss(1, Double.NaN));
    assertThat(decision.dropped()).isFalse();
  }

  @Test
  void theEarlierOfTwoEqualChoicesWins() {
    SiteDecision decision =
        SiteDecision.of(
            list(plain, tighter, uniform, optimized), losses(9, 9, 5, 5, 5, 1, 3, 3, 3, 1));

    assertThat(decision.chosen().choice()).isSameAs(uniform);
    assertThat(decision.baseline().choice()).isSameAs(plain);
  }

  @Test
  void noiseThatIsNoBetterOnTheHeldOutPartIsDropped() {
    for (double heldOut : new double[] {5, 6}) {
      SiteDecision decision = SiteDecision.of(list(plain, uniform), losses(9, 9, 4, 5, 3, heldOut));

      assertThat(decision.chosen().choice()).isSameAs(plain);
      assertThat(decision.dropped()).isTrue();
    }
  }

  @Test
  void withoutAHeldOutPartNoiseStays() {
    SiteDecision decision =
        SiteDecision.of(list(plain, uniform), losses(9, Double.NaN, 4, Double.NaN, 3, Double.NaN));

    assertThat(decision.chosen().choice()).isSameAs(uniform);
    assertThat(decision.dropped()).isFalse();
  }

  @Test
  void noNoiseIsNotDropped() {
    SiteDecision decision = SiteDecision.of(list(plain, uniform), losses(9, 9, 4, 5, 4.5, 1));

    assertThat(decision.chosen().choice()).isSameAs(plain);
    assertThat(decision.chosen()).isEqualTo(decision.baseline());
    assertThat(decision.dropped()).isFalse();
  }

  @Test
  void minMaxIsReportedButNotChosen() {
    SiteDecision decision = SiteDecision.of(list(plain), losses(1, 1, 2, 2));

    assertThat(decision.minMax().loss().calibration()).isEqualTo(1);
    assertThat(decision.chosen().choice()).isSameAs(plain);
  }

  @Test
  void whatTheListKnowsOfTheSiteIsKept() {
    SiteShortlist list = list(plain);
    SiteDecision decision = SiteDecision.of(list, losses(9, 9, 1, 1));

    assertThat(decision.site()).isEqualTo(5);
    assertThat(decision.absMax()).isEqualTo(7f);
    assertThat(decision.rescale()).isSameAs(list.rescale());
    assertThat(decision.means()).isSameAs(list.means());
    assertThat(decision.spreads()).isSameAs(list.spreads());
  }

  @Test
  void aSolutionOfThePapersSearchBecomesADecision() {
    ScoredCandidate minMax = new ScoredCandidate(Candidate.MIN_MAX, 9, 10);
    ScoredCandidate clip = new ScoredCandidate(new Candidate(0.5, 0, 0), 4, 5);
    ScoredCandidate range = new ScoredCandidate(new Candidate(0.5, 0.25, 1), 3, Double.NaN);
    SiteDecision decision =
        SiteDecision.of(new SiteSolution(2, 7f, minMax, clip, clip, range), SITE);

    assertThat(decision.site()).isEqualTo(2);
    assertThat(decision.rescale()).isNull();
    assertThat(decision.minMax().choice().step()).isEqualTo(1f);
    assertThat(decision.minMax().loss()).isEqualTo(new CandidateLoss(9, 10));
    assertThat(decision.baseline().choice().kind()).isEqualTo(NoiseKind.NONE);
    assertThat(decision.baseline().choice().step()).isEqualTo(0.5f);
    assertThat(decision.chosen().choice().kind()).isEqualTo(NoiseKind.UNIFORM);
    // s · (shift + range · u), s = 0.5, u = ± 0.5; the paper takes off N and no more.
    assertThat(decision.chosen().choice().quantizer().noise()).containsExactly(0.375f, -0.125f);
    assertThat(decision.chosen().choice().quantizer().removed()).containsExactly(0.375f, -0.125f);
    assertThat(decision.chosen().loss().heldOut()).isNaN();
    assertThat(decision.dropped()).isFalse();
  }
}
