package org.noisyquant.search;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

class SearchTest {
  @Test
  void theAuthorsGridIsTheOneOfTheirCode() {
    List<Candidate> clips = CandidateGrid.AUTHORS.clipCandidates();
    assertThat(clips).hasSize(1000).startsWith(Candidate.MIN_MAX);
    assertThat(clips.get(999).clip()).isEqualTo(0.001);

    List<Candidate> shifts = CandidateGrid.AUTHORS.shiftCandidates(clips.get(400));
    assertThat(shifts).hasSize(400).allMatch(c -> c.clip() == 0.6);
    assertThat(shifts.get(0).shift()).isEqualTo(-1);
    assertThat(shifts.get(200).shift()).isZero();
    assertThat(shifts.get(399).shift()).isEqualTo(199 / 200.0);

    List<Candidate> ranges = CandidateGrid.AUTHORS.rangeCandidates(shifts.get(300));
    assertThat(ranges).hasSize(2000).startsWith(shifts.get(300));
    assertThat(ranges.get(1999).range()).isEqualTo(1.999);
  }

  @Test
  void everyGridHoldsTheIncumbent() {
    for (int n = 1; n < 12; n++) {
      CandidateGrid grid = new CandidateGrid(n, n, n);
      Candidate incumbent = new Candidate(0.5, 0, 0);
      assertThat(grid.shiftCandidates(incumbent)).hasSize(n).contains(incumbent);
      assertThat(grid.rangeCandidates(incumbent)).hasSize(n).contains(incumbent);
    }
  }

  @Test
  void theLowerIndexWinsATie() {
    ScoredCandidate first = scored(0.9, 0, 2);
    ScoredCandidate second = scored(0.8, 0, 1);
    ScoredCandidate third = scored(0.7, 0, 1);

    assertThat(SiteSolution.best(List.of(first, second, third))).isSameAs(second);
  }

  @Test
  void noiseThatIsNoBetterThanTheBaselineIsDropped() {
    ScoredCandidate baseline = scored(0.9, 0, 1);

    SiteSolution tie =
        SiteSolution.of(0, 1f, List.of(baseline), List.of(baseline), List.of(scored(0.9, 0.1, 1)));
    SiteSolution gain =
        SiteSolution.of(
            0, 1f, List.of(baseline), List.of(baseline), List.of(scored(0.9, 0.1, 0.9)));

    assertThat(tie.chosen()).isSameAs(baseline);
    assertThat(gain.chosen().candidate().shift()).isEqualTo(0.1);
  }

  private static ScoredCandidate scored(double clip, double shift, double loss) {
    return new ScoredCandidate(new Candidate(clip, shift, 0), loss, Double.NaN);
  }
}
