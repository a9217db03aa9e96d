package org.noisyquant.search;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.noisyquant.quant.NoisyBias;
import org.noisyquant.search.TestSite.Shape;

class UniformSearchTest {
  private static final int CHANNELS = 16;
  private static final CandidateGrid GRID = new CandidateGrid(100, 40, 200);

  private final TestSite site = TestSite.of(Shape.GAUSSIAN, CHANNELS, 1, 1000, 3);

  private static CostModel model(TestSite site, int bits) {
    float[] w = TestSite.weights(CHANNELS, 24, 6);
    return site.model(bits, OutputWeights.joined(CHANNELS, List.of(w)), true);
  }

  private static SiteQuantizer quantizer(TestSite site, int bits) {
    return new SiteQuantizer(bits, site.largest(), NoisyBias.unit(4, 0, CHANNELS));
  }

  /** The best of all candidates of a search, by the same predictions. */
  private static Candidate best(CostModel model, SiteQuantizer site, List<Candidate> candidates) {
    double[] losses = model.losses(candidates.stream().map(site::noisy).toList());
    int best = 0;
    for (int k = 1; k < losses.length; k++) {
      best = losses[k] < losses[best] ? k : best;
    }
    return candidates.get(best);
  }

  private static double loss(CostModel model, SiteQuantizer site, Candidate candidate) {
    return model.losses(List.of(site.noisy(candidate)))[0];
  }

  @ParameterizedTest
  @EnumSource(Shape.class)
  void findsWhatTheExhaustiveSearchFinds(Shape shape) {
    TestSite other = TestSite.of(shape, CHANNELS, 1, 1000, 3);
    for (int bits : new int[] {4, 6, 8}) {
      CostModel model = model(other, bits);
      SiteQuantizer quantizer = quantizer(other, bits);
      UniformSearch search = new UniformSearch(model, quantizer, GRID);
      Candidate clip = search.bestClip();
      search.lookAtNoise(clip, 1);
      Candidate noise = search.bestDraws(clip, 1).get(0);

      Candidate bestClip = best(model, quantizer, GRID.clipCandidates());
      // From the same clip: of two that tie, each leads to other draws.
      Candidate bestShift = best(model, quantizer, GRID.shiftCandidates(clip));
      Candidate bestRange = best(model, quantizer, GRID.rangeCandidates(bestShift));
      assertThat(loss(model, quantizer, clip) / loss(model, quantizer, bestClip))
          .as("clip, %d bits: %s against %s", bits, clip, bestClip)
          .isLessThan(1.005);
      assertThat(loss(model, quantizer, noise) / loss(model, quantizer, bestRange))
          .as("noise, %d bits: %s against %s", bits, noise, bestRange)
          .isLessThan(1.005);
    }
  }

  @Test
  void looksAtFarFewerCandidatesThanThereAre() {
    UniformSearch search =
        new UniformSearch(model(site, 6), quantizer(site, 6), CandidateGrid.AUTHORS);
    search.lookAtNoise(search.bestClip(), 1);

    assertThat(search.predictions()).isLessThan(3400 / 3);
  }

  @Test
  void allItLooksAtIsOnTheGrid() {
    UniformSearch search = new UniformSearch(model(site, 6), quantizer(site, 6), GRID);
    Candidate clip = search.bestClip();
    search.lookAtNoise(clip, 1);

    assertThat(GRID.clipCandidates())
        .contains(clip, search.wider(clip, 0.5), search.wider(clip, -0.5));
    assertThat(search.bestDraws(clip, Integer.MAX_VALUE))
        .allSatisfy(
            candidate ->
                assertThat(
                        GRID.shiftCandidates(clip).contains(candidate)
                            || GRID.rangeCandidates(
                                    new Candidate(clip.clip(), candidate.shift(), 0))
                                .contains(candidate))
                    .as("%s", candidate)
                    .isTrue());
  }

  @Test
  void widerClipsAreCountedInOctavesAndEndAtTheWholeRange() {
    UniformSearch search =
        new UniformSearch(model(site, 6), quantizer(site, 6), CandidateGrid.AUTHORS);
    Candidate clip = new Candidate(0.4, 0, 0);

    assertThat(search.wider(clip, 1).clip()).isEqualTo(0.8);
    assertThat(search.wider(clip, 0.5).clip()).isEqualTo(0.566);
    assertThat(search.wider(clip, -2).clip()).isEqualTo(0.1);
    assertThat(search.wider(clip, 2)).isEqualTo(Candidate.MIN_MAX);
  }

  @Test
  void drawsAreThoseOfTheClip() {
    UniformSearch search = new UniformSearch(model(site, 6), quantizer(site, 6), GRID);
    Candidate clip = search.bestClip();
    Candidate tighter = search.wider(clip, -0.5);
    search.lookAtNoise(clip, 1);
    search.lookAtNoise(tighter, 1);

    assertThat(search.bestDraws(tighter, 5))
        .hasSize(5)
        .allSatisfy(draw -> assertThat(draw.clip()).isEqualTo(tighter.clip()));
  }

  @Test
  void noNoiseIsNoDraw() {
    UniformSearch search = new UniformSearch(model(site, 6), quantizer(site, 6), GRID);
    Candidate clip = search.bestClip();
    search.lookAtNoise(clip, 1);

    assertThat(search.bestDraws(clip, 1000))
        .hasSizeGreaterThan(20)
        .noneMatch(Candidate::isNoiseless);
  }

  @Test
  void thinnedSearchesLookAtLess() {
    CostModel model = model(site, 6);
    UniformSearch whole = new UniformSearch(model, quantizer(site, 6), CandidateGrid.AUTHORS);
    Candidate clip = whole.bestClip();
    int clips = whole.predictions();
    whole.lookAtNoise(clip, 1);
    UniformSearch thinned = new UniformSearch(model, quantizer(site, 6), CandidateGrid.AUTHORS);
    thinned.lookAtNoise(thinned.bestClip(), 4);
    Candidate noise = thinned.bestDraws(clip, 1).get(0);

    assertThat(thinned.predictions() - clips).isLessThan((whole.predictions() - clips) / 3);
    assertThat(loss(model, quantizer(site, 6), noise))
        .isLessThan(loss(model, quantizer(site, 6), clip));
  }

  @Test
  void aGridOfOneCandidateEachIsMinMax() {
    UniformSearch search =
        new UniformSearch(model(site, 6), quantizer(site, 6), new CandidateGrid(1, 1, 1));

    Candidate clip = search.bestClip();
    search.lookAtNoise(clip, 1);

    assertThat(clip).isEqualTo(Candidate.MIN_MAX);
    assertThat(search.bestDraws(clip, 1)).isEmpty();
  }
}
