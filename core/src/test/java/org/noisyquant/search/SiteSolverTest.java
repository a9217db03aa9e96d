package org.noisyquant.search;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.withinPercentage;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.ObjectInputStream;
import java.io.ObjectOutputStream;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.noisyquant.quant.NoisyBias;
import org.noisyquant.search.TestSite.Shape;

class SiteSolverTest {
  private static final int CHANNELS = 10;
  private static final int OUTPUTS = 20;
  private static final CandidateGrid GRID = new CandidateGrid(200, 80, 400);

  private static final float[] WEIGHT = TestSite.weights(CHANNELS, OUTPUTS, 5);

  private static TestSite site(Shape shape) {
    return TestSite.of(shape, CHANNELS, 1, 1000, 8);
  }

  private static SiteShortlist solve(
      TestSite site,
      float[] weight,
      int bits,
      NoiseKind noise,
      boolean rescale,
      boolean corrected) {
    int channels = site.channels();
    CostModel model = site.model(bits, OutputWeights.joined(channels, List.of(weight)), corrected);
    return SiteSolver.solve(
        new SiteSolver.Problem(
            3,
            noise,
            NoisyBias.unit(1, 3, channels),
            GRID,
            site.absMax(),
            List.of(weight),
            8,
            1,
            rescale),
        model);
  }

  private static SiteShortlist solve(Shape shape, NoiseKind noise, boolean rescale) {
    return solve(site(shape), WEIGHT, 4, noise, rescale, true);
  }

  private static Set<NoiseKind> kinds(SiteShortlist list) {
    return list.choices().stream().map(SiteChoice::kind).collect(Collectors.toSet());
  }

  private static List<SiteChoice> ofKind(SiteShortlist list, NoiseKind kind) {
    return list.choices().stream().filter(choice -> choice.kind() == kind).toList();
  }

  private static double best(SiteShortlist list, NoiseKind kind) {
    return ofKind(list, kind).stream().mapToDouble(SiteChoice::predicted).min().orElseThrow();
  }

  @Test
  void theKindsAreThoseThatWereAskedForAndLesserOnes() {
    assertThat(kinds(solve(Shape.GAUSSIAN, NoiseKind.NONE, false))).containsOnly(NoiseKind.NONE);
    assertThat(kinds(solve(Shape.GAUSSIAN, NoiseKind.UNIFORM, false)))
        .containsOnly(NoiseKind.NONE, NoiseKind.UNIFORM);
    assertThat(kinds(solve(Shape.GAUSSIAN, NoiseKind.OPTIMIZED, false)))
        .containsOnly(NoiseKind.NONE, NoiseKind.UNIFORM, NoiseKind.OPTIMIZED);
  }

  @Test
  void theListIsShort() {
    assertThat(solve(Shape.HEAVY_TAILED, NoiseKind.OPTIMIZED, true).choices()).hasSizeBetween(5, 7);
  }

  @Test
  void choicesHaveNoiseExactlyWhereTheirKindSaysSo() {
    SiteShortlist list = solve(Shape.GELU, NoiseKind.OPTIMIZED, false);

    assertThat(list.choices())
        .allSatisfy(
            choice ->
                assertThat(choice.quantizer().isNoiseless())
                    .as("%s", choice.kind())
                    .isEqualTo(choice.kind() == NoiseKind.NONE));
    assertThat(list.minMax().quantizer().isNoiseless()).isTrue();
    assertThat(list.minMax().candidate()).isEqualTo(Candidate.MIN_MAX);
  }

  @Test
  void uniformChoicesHaveTheNoiseOfTheirCandidate() {
    SiteShortlist list = solve(Shape.GAUSSIAN, NoiseKind.UNIFORM, true);
    SiteQuantizer site =
        new SiteQuantizer(4, list.absMax(), NoisyBias.unit(1, 3, CHANNELS), list.rescale());

    assertThat(ofKind(list, NoiseKind.UNIFORM))
        .hasSize(12)
        .allSatisfy(
            choice -> {
              assertThat(choice.quantizer().noise()).isEqualTo(site.noise(choice.candidate()));
              assertThat(choice.step()).isEqualTo(site.quantizer(choice.candidate()).step());
            });
  }

  @ParameterizedTest
  @CsvSource({"GAUSSIAN, 4", "GAUSSIAN, 8", "GELU, 4", "GELU, 6", "HEAVY_TAILED, 4"})
  void predictionsAreCloseToExactLosses(Shape shape, int bits) {
    TestSite site = site(shape);
    for (boolean rescale : new boolean[] {true, false}) {
      SiteShortlist list = solve(site, WEIGHT, bits, NoiseKind.OPTIMIZED, rescale, true);
      double[] ratios =
          list.choices().stream()
              .mapToDouble(
                  choice -> choice.predicted() / site.exactLoss(choice.quantizer(), WEIGHT, 1))
              .sorted()
              .toArray();

      assertThat(ratios[ratios.length / 2]).isBetween(0.98, 1.02);
      assertThat(ratios[0]).isGreaterThan(0.9);
      assertThat(ratios[ratios.length - 1]).isLessThan(1.1);
    }
  }

  @ParameterizedTest
  @EnumSource(Shape.class)
  void optimizedOffsetsAreNotPredictedWorseThanNoNoise(Shape shape) {
    for (int bits : new int[] {3, 4, 6, 8}) {
      for (boolean corrected : new boolean[] {true, false}) {
        SiteShortlist list =
            solve(site(shape), WEIGHT, bits, NoiseKind.OPTIMIZED, false, corrected);

        assertThat(best(list, NoiseKind.OPTIMIZED))
            .as("%d bits, corrected: %s", bits, corrected)
            .isLessThanOrEqualTo(1.000001 * best(list, NoiseKind.NONE));
      }
    }
  }

  @Test
  void theStepThatMakesNoErrorIsFound() {
    // 15 multiples of a quarter at 15 of 16 levels.
    float[] values = new float[64];
    for (int i = 0; i < 64; i++) {
      values[i] = (i % 15 - 7) / 4f;
    }
    TestSite site = TestSite.ofChannels(values, values);
    SiteShortlist list =
        solve(site, TestSite.weights(2, 4, 1), 4, NoiseKind.OPTIMIZED, false, true);

    assertThat(ofKind(list, NoiseKind.NONE))
        .anySatisfy(
            none ->
                assertThat(site.exactLoss(none.quantizer(), TestSite.weights(2, 4, 1), 1))
                    .isLessThan(1e-4));
  }

  @Test
  void offsetsHelpManyAFineRoundingAtFourBits() {
    SiteShortlist list = solve(Shape.GELU, NoiseKind.OPTIMIZED, false);

    assertThat(best(list, NoiseKind.OPTIMIZED)).isLessThan(0.7 * best(list, NoiseKind.NONE));
  }

  @Test
  void rescaleIsNullWhereItWasNotAskedFor() {
    SiteShortlist list = solve(Shape.GAUSSIAN, NoiseKind.OPTIMIZED, false);

    assertThat(list.rescale()).isNull();
    assertThat(list.absMax()).isEqualTo(site(Shape.GAUSSIAN).largest());
    assertThat(list.choices())
        .allSatisfy(choice -> assertThat(choice.quantizer().steps()).containsOnly(choice.step()));
  }

  @Test
  void rescaledStepsAreThatOfTheTensorTimesC() {
    float[] scales = new float[CHANNELS];
    for (int c = 0; c < CHANNELS; c++) {
      scales[c] = c < 5 ? 1 : 16;
    }
    TestSite site = site(Shape.GAUSSIAN).scaled(scales);
    SiteShortlist list = solve(site, WEIGHT, 4, NoiseKind.OPTIMIZED, true, true);
    float largest = 0;
    for (int c = 0; c < CHANNELS; c++) {
      largest = Math.max(largest, site.absMax()[c] / list.rescale()[c]);
    }

    assertThat(list.absMax()).isEqualTo(largest);
    assertThat(list.rescale()[9]).isGreaterThan(list.rescale()[0]);
    for (SiteChoice choice : list.choices()) {
      for (int c = 0; c < CHANNELS; c++) {
        assertThat(choice.quantizer().steps()[c]).isEqualTo(choice.step() * list.rescale()[c]);
      }
    }
    SiteShortlist plain = solve(site, WEIGHT, 4, NoiseKind.NONE, false, true);
    assertThat(best(list, NoiseKind.NONE)).isLessThan(0.9 * best(plain, NoiseKind.NONE));
    assertThat(list.minMax().predicted()).isEqualTo(plain.minMax().predicted());
  }

  @Test
  void aSiteThatIsAlwaysZeroHasNoError() {
    TestSite zeros = TestSite.ofChannels(new float[20], new float[20]);
    for (boolean corrected : new boolean[] {true, false}) {
      SiteShortlist list =
          solve(zeros, TestSite.weights(2, 4, 1), 4, NoiseKind.OPTIMIZED, true, corrected);

      assertThat(list.minMax().predicted()).isZero();
      assertThat(list.rescale()).containsOnly(1f);
      assertThat(ofKind(list, NoiseKind.NONE)).isNotEmpty();
      assertThat(list.choices())
          .allSatisfy(
              choice -> {
                assertThat(choice.predicted()).isFinite();
                assertThat(choice.step()).isPositive();
                assertThat(choice.quantizer().noise()).doesNotContain(Float.NaN);
                assertThat(choice.quantizer().removed()).doesNotContain(Float.NaN);
              });
      assertThat(best(list, NoiseKind.NONE)).isZero();
    }
  }

  @Test
  void aSiteOfOneChannelIsSolved() {
    TestSite one = TestSite.of(Shape.GAUSSIAN, 1, 1, 1000, 2);
    float[] weight = {2};
    SiteShortlist list = solve(one, weight, 4, NoiseKind.OPTIMIZED, true, true);
    SiteChoice choice = list.choices().get(3);

    assertThat(list.rescale()).containsExactly(1f);
    assertThat(choice.predicted())
        .isCloseTo(one.exactLoss(choice.quantizer(), weight, 1), withinPercentage(1));
    assertThat(best(list, NoiseKind.NONE)).isLessThan(0.8 * list.minMax().predicted());
  }

  @Test
  void withoutBiasCorrectionOnlyTheNoiseIsTakenOff() {
    SiteShortlist list = solve(site(Shape.GELU), WEIGHT, 4, NoiseKind.OPTIMIZED, false, false);

    assertThat(list.choices())
        .allSatisfy(
            choice ->
                assertThat(choice.quantizer().removed()).isEqualTo(choice.quantizer().noise()));
  }

  @Test
  void theSameProblemHasTheSameSolution() throws IOException {
    SiteShortlist first = solve(Shape.GELU, NoiseKind.OPTIMIZED, true);
    SiteShortlist second = solve(Shape.GELU, NoiseKind.OPTIMIZED, true);

    assertThat(bytes(first)).isEqualTo(bytes(second));
  }

  @Test
  void aShortListTravelsBetweenMachines() throws IOException, ClassNotFoundException {
    SiteShortlist list = solve(Shape.GELU, NoiseKind.OPTIMIZED, true);
    try (ObjectInputStream in = new ObjectInputStream(new ByteArrayInputStream(bytes(list)))) {
      SiteShortlist copy = (SiteShortlist) in.readObject();

      assertThat(copy.choices()).hasSameSizeAs(list.choices());
      assertThat(copy.choices().get(5).quantizer().noise())
          .isEqualTo(list.choices().get(5).quantizer().noise());
    }
  }

  private static byte[] bytes(SiteShortlist list) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (ObjectOutputStream out = new ObjectOutputStream(bytes)) {
      out.writeObject(list);
    }
    return bytes.toByteArray();
  }
}
