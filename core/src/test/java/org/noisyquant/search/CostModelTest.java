package org.noisyquant.search;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;
import static org.assertj.core.api.Assertions.withinPercentage;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.assertj.core.api.SoftAssertions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.noisyquant.quant.NoisyBias;
import org.noisyquant.quant.NoisyQuantizer;
import org.noisyquant.search.TestSite.Shape;
import org.noisyquant.stats.SiteStatistics.Part;

/**
 * Predictions against exact losses. The channels are independent of each other, as the model
 * supposes: what is left of their covariance in a sample is about √2/√(tokens · outputs) of the
 * loss, 0.4 % here. Where a threshold cuts through a spike, as GELU and heavy tails have them, the
 * bins do not tell how much of it lies on either side, and single candidates are less exact. Real
 * channels are not independent: see {@link PredictionTest}.
 */
class CostModelTest {
  private static final int CHANNELS = 12;
  private static final int OUTPUTS = 40;

  private static List<Candidate> candidates() {
    List<Candidate> candidates = new ArrayList<>();
    for (double clip : new double[] {1, 0.7, 0.45}) {
      candidates.add(new Candidate(clip, 0, 0));
      candidates.add(new Candidate(clip, 0.37, 0));
      candidates.add(new Candidate(clip, -0.2, 1.3));
    }
    return candidates;
  }

  private static List<NoisyQuantizer> quantizers(TestSite site, int bits) {
    SiteQuantizer quantizer =
        new SiteQuantizer(bits, site.largest(), NoisyBias.unit(1, 0, site.channels()));
    return candidates().stream().map(quantizer::noisy).toList();
  }

  @ParameterizedTest
  @EnumSource(Shape.class)
  void predictsTheExactLossOfIndependentChannels(Shape shape) {
    TestSite site = TestSite.of(shape, CHANNELS, 4, 1000, 7);
    float[] w = TestSite.weights(CHANNELS, OUTPUTS, 8);
    OutputWeights weights = OutputWeights.joined(CHANNELS, List.of(w));
    SoftAssertions softly = new SoftAssertions();
    for (int bits : new int[] {8, 6, 4}) {
      for (boolean corrected : new boolean[] {true, false}) {
        CostModel model = site.model(bits, weights, corrected);
        List<NoisyQuantizer> quantizers = model.corrected(quantizers(site, bits));
        double[] ratios = model.losses(quantizers);
        for (int k = 0; k < ratios.length; k++) {
          ratios[k] /= site.exactLoss(quantizers.get(k), w, 1);
          softly
              .assertThat(ratios[k])
              .as("%d bits, corrected: %s, %s", bits, corrected, candidates().get(k))
              .isEqualTo(1, within(shape == Shape.GAUSSIAN ? 0.01 : 0.03));
        }
        Arrays.sort(ratios);
        softly
            .assertThat(ratios[ratios.length / 2])
            .as("%d bits, corrected: %s, median", bits, corrected)
            .isEqualTo(1, within(0.01));
      }
    }
    softly.assertAll();
  }

  @Test
  void aStepOfItsOwnForEachChannelIsPredictedToo() {
    TestSite site = TestSite.of(Shape.GAUSSIAN, CHANNELS, 4, 1000, 3);
    float[] w = TestSite.weights(CHANNELS, OUTPUTS, 4);
    float[] rescale = new float[CHANNELS];
    for (int c = 0; c < CHANNELS; c++) {
      rescale[c] = (float) Math.pow(2, (c % 5 - 2) / 2.0);
    }
    SiteQuantizer quantizer =
        new SiteQuantizer(4, site.largest(), NoisyBias.unit(1, 0, CHANNELS), rescale);
    NoisyQuantizer q = quantizer.noisy(new Candidate(0.7, 0.1, 0.5));
    CostModel model = site.model(4, OutputWeights.joined(CHANNELS, List.of(w)), false);

    assertThat(model.losses(List.of(q))[0]).isCloseTo(site.exactLoss(q, w, 1), withinPercentage(1));
  }

  @Test
  void theInputObjectiveSumsTheErrorsOfTheChannels() {
    TestSite site = TestSite.of(Shape.GELU, CHANNELS, 2, 1000, 7);
    float[] identity = new float[CHANNELS * CHANNELS];
    for (int c = 0; c < CHANNELS; c++) {
      identity[c * CHANNELS + c] = 1;
    }
    CostModel model = site.model(6, OutputWeights.identity(CHANNELS), false);
    List<NoisyQuantizer> quantizers = quantizers(site, 6);
    double[] predicted = model.losses(quantizers);

    for (int k = 0; k < predicted.length; k++) {
      assertThat(predicted[k])
          .isCloseTo(site.exactLoss(quantizers.get(k), identity, 1), withinPercentage(1));
    }
  }

  /**
   * Three bits, step 1, W = (1 2; 3 4). Channel 0 is 0.25 at all times: e = −0.25. Channel 1 is
   * −1.25 or −0.75: e is 0.25 or −0.25. G_11 is 25, and the mean error (−0.25, 0) makes (−0.25,
   * −0.5) of the outputs.
   */
  private static double byHand(boolean biasCorrection) {
    TestSite site = TestSite.ofChannels(new float[] {0.25f, 0.25f}, new float[] {-1.25f, -0.75f});
    OutputWeights weights = OutputWeights.joined(2, List.of(new float[] {1, 2, 3, 4}));
    NoisyQuantizer q =
        new SiteQuantizer(3, 3f, new float[2]).noisy(Candidate.MIN_MAX); // 3 is the largest level
    return site.model(3, weights, biasCorrection).losses(List.of(q))[0];
  }

  @Test
  void varianceAndMeanErrorAddUp() {
    // −1.25 counts as up to 2^-8 more than it is.
    assertThat(byHand(false)).isEqualTo((25 * 0.0625 + 0.0625 + 0.25) / 2, within(0.02));
  }

  @Test
  void biasCorrectionTakesOffTheMeanError() {
    assertThat(byHand(true)).isEqualTo(25 * 0.0625 / 2, within(0.02));
    assertThat(byHand(false) - byHand(true)).isEqualTo((0.0625 + 0.25) / 2, within(0.01));
  }

  @Test
  void layersSideBySideAreWorthTheirMeanByOutputs() {
    TestSite site = TestSite.of(Shape.GAUSSIAN, 6, 1, 500, 1);
    float[] first = TestSite.weights(6, 4, 1);
    float[] second = TestSite.weights(6, 12, 2);
    List<NoisyQuantizer> q = quantizers(site, 6);
    double[] one = site.model(6, OutputWeights.joined(6, List.of(first)), false).losses(q);
    double[] other = site.model(6, OutputWeights.joined(6, List.of(second)), false).losses(q);
    double[] both = site.model(6, OutputWeights.joined(6, List.of(first, second)), false).losses(q);

    for (int k = 0; k < both.length; k++) {
      assertThat(both[k]).isCloseTo((one[k] + 3 * other[k]) / 4, withinPercentage(1e-3));
    }
  }

  @Test
  void aPrefixWeightIsAsGoodAsRepeatingThePrefixTokens() {
    TestSite site = TestSite.of(Shape.GAUSSIAN, CHANNELS, 6, 200, 5);
    float[] w = TestSite.weights(CHANNELS, OUTPUTS, 6);
    OutputWeights weights = OutputWeights.joined(CHANNELS, List.of(w));
    List<float[]> repeated = new ArrayList<>();
    for (float[] x : site.images()) {
      float[] longer = new float[x.length + 3 * CHANNELS];
      for (int t = 0; t < 3; t++) {
        System.arraycopy(x, 0, longer, t * CHANNELS, CHANNELS);
      }
      System.arraycopy(x, 0, longer, 3 * CHANNELS, x.length);
      repeated.add(longer);
    }
    CostModel weighted =
        new CostModel(6, site.withPrefix(1).statistics(), Part.CALIBRATION, 4, weights, false);
    CostModel unweighted = new TestSite(CHANNELS, 4, repeated).model(6, weights, false);
    CostModel ignored = site.withPrefix(1).model(6, weights, false);
    List<NoisyQuantizer> quantizers = quantizers(site, 6);
    double[] losses = weighted.losses(quantizers);

    for (int k = 0; k < losses.length; k++) {
      assertThat(losses[k])
          .isCloseTo(unweighted.losses(quantizers)[k], withinPercentage(1e-2))
          .isNotCloseTo(ignored.losses(quantizers)[k], withinPercentage(1e-2));
    }
  }

  @Test
  void prefixTokensOfAnotherDistributionAreWeightedAsInTheExactLoss() {
    TestSite site = TestSite.of(Shape.GAUSSIAN, CHANNELS, 2, 1000, 5);
    // 300 tokens of each image are three times as large.
    for (float[] x : site.images()) {
      for (int k = 0; k < 300 * CHANNELS; k++) {
        x[k] *= 3;
      }
    }
    TestSite prefixed = site.withPrefix(300);
    float[] w = TestSite.weights(CHANNELS, OUTPUTS, 6);
    CostModel model =
        new CostModel(
            4,
            prefixed.statistics(),
            Part.CALIBRATION,
            20,
            OutputWeights.joined(CHANNELS, List.of(w)),
            false);
    NoisyQuantizer q = quantizers(site, 4).get(6); // tight: it clips what is large

    assertThat(model.losses(List.of(q))[0])
        .isCloseTo(prefixed.exactLoss(q, w, 20), withinPercentage(1.5))
        .isGreaterThan(1.2 * prefixed.exactLoss(q, w, 1));
  }

  @Test
  void aPrefixWeightThatIsNotPositiveIsRefused() {
    TestSite site = TestSite.of(Shape.GAUSSIAN, 2, 1, 10, 5);
    for (double weight : new double[] {0, -1, Double.NaN, Double.POSITIVE_INFINITY}) {
      assertThatThrownBy(
              () ->
                  new CostModel(
                      6,
                      site.statistics(),
                      Part.CALIBRATION,
                      weight,
                      OutputWeights.identity(2),
                      true))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining(String.valueOf(weight));
    }
  }

  @Test
  void weightsOfAnotherSiteAreRefused() {
    TestSite site = TestSite.of(Shape.GAUSSIAN, 2, 1, 10, 5);

    assertThatThrownBy(() -> site.model(6, OutputWeights.identity(3), true))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("3 channels");
  }

  @Test
  void aLossDoesNotDependOnTheOtherCandidatesOfTheSameStep() {
    TestSite site = TestSite.of(Shape.HEAVY_TAILED, CHANNELS, 1, 1000, 2);
    CostModel model = site.model(4, OutputWeights.identity(CHANNELS), true);
    SiteQuantizer quantizer = new SiteQuantizer(4, site.largest(), NoisyBias.unit(1, 0, CHANNELS));
    List<NoisyQuantizer> candidates = new ArrayList<>();
    for (int k = 0; k < 300; k++) {
      candidates.add(quantizer.noisy(new Candidate(0.3, 0, k / 150.0)));
    }
    double[] together = model.losses(candidates);
    List<NoisyQuantizer> reversed = new ArrayList<>(candidates);
    Collections.reverse(reversed);
    double[] backwards = model.losses(reversed);

    for (int k = 0; k < 300; k++) {
      assertThat(together[k]).isEqualTo(backwards[299 - k]);
    }
    assertThat(model.losses(List.of(candidates.get(131)))[0]).isEqualTo(together[131]);
  }

  @Test
  void otherStepsNearbyOnlyChangeHowFinelyACandidateIsEvaluated() {
    TestSite site = TestSite.of(Shape.GAUSSIAN, CHANNELS, 2, 1000, 2);
    CostModel model = site.model(6, OutputWeights.identity(CHANNELS), true);
    SiteQuantizer quantizer = new SiteQuantizer(6, site.largest(), NoisyBias.unit(1, 0, CHANNELS));
    List<NoisyQuantizer> candidates = new ArrayList<>();
    Random random = new Random(1);
    for (int k = 0; k < 200; k++) {
      candidates.add(quantizer.noisy(new Candidate(0.2 + 0.8 * random.nextDouble(), 0.1, 0.7)));
    }
    double[] together = model.losses(candidates);

    for (int k = 0; k < 200; k += 7) {
      assertThat(together[k])
          .isCloseTo(model.losses(List.of(candidates.get(k)))[0], withinPercentage(0.5));
    }
  }

  @Test
  void noCandidatesHaveNoLosses() {
    TestSite site = TestSite.of(Shape.GAUSSIAN, 2, 1, 10, 5);

    assertThat(site.model(6, OutputWeights.identity(2), true).losses(List.of())).isEmpty();
  }

  @ParameterizedTest
  @EnumSource(Shape.class)
  void correctedQuantizersHaveNoMeanError(Shape shape) {
    TestSite site = TestSite.of(shape, CHANNELS, 2, 1000, 9);
    CostModel model = site.model(4, OutputWeights.identity(CHANNELS), true);
    // Clipped on one side: there is a mean error to correct.
    NoisyQuantizer plain =
        new SiteQuantizer(4, site.largest(), new float[CHANNELS]).noisy(new Candidate(0.2, 2, 0));
    NoisyQuantizer corrected = model.corrected(plain);

    double largest = 0;
    for (int c = 0; c < CHANNELS; c++) {
      assertThat(meanError(site, corrected, c)).as("channel %d", c).isEqualTo(0, bound(plain, c));
      largest = Math.max(largest, Math.abs(meanError(site, plain, c)) / plain.steps()[c]);
    }
    assertThat(largest).isGreaterThan(0.1);
    assertThat(corrected.noise()).isEqualTo(plain.noise());
    assertThat(corrected.steps()).isEqualTo(plain.steps());
  }

  /** The quantizers take off the mean error of other values than those that are predicted. */
  @ParameterizedTest
  @EnumSource(Shape.class)
  void quantizersOfOtherValuesArePredictedWithTheMeanErrorThatTheyLeave(Shape shape) {
    float[] w = TestSite.weights(CHANNELS, OUTPUTS, 8);
    OutputWeights weights = OutputWeights.joined(CHANNELS, List.of(w));
    TestSite few = TestSite.of(shape, CHANNELS, 1, 50, 9);
    TestSite site = TestSite.of(shape, CHANNELS, 4, 1000, 10);
    List<NoisyQuantizer> fitted =
        few.model(4, weights, true).corrected(quantizers(few, 4).subList(0, 3));
    CostModel model = site.model(4, weights, true);
    double[] predicted = model.lossesAsTheyAre(fitted);
    double[] corrected = model.losses(fitted);
    for (int k = 0; k < predicted.length; k++) {
      double exact = site.exactLoss(fitted.get(k), w, 1);
      assertThat(predicted[k]).as("%d", k).isCloseTo(exact, withinPercentage(4));
      assertThat(corrected[k]).as("%d", k).isLessThan(predicted[k]);
    }
    assertThat(Arrays.stream(corrected).sum()).isLessThan(0.98 * Arrays.stream(predicted).sum());
  }

  private static org.assertj.core.data.Offset<Double> bound(NoisyQuantizer q, int channel) {
    return within(0.01 * q.steps()[channel]);
  }

  private static double meanError(TestSite site, NoisyQuantizer q, int channel) {
    float[] values = site.values(channel);
    double sum = 0;
    for (float x : values) {
      sum += TestSite.error(q, channel, x);
    }
    return sum / values.length;
  }

  @Test
  void withoutBiasCorrectionQuantizersStayAsTheyAre() {
    TestSite site = TestSite.of(Shape.GAUSSIAN, 2, 1, 10, 5);
    CostModel model = site.model(6, OutputWeights.identity(2), false);
    NoisyQuantizer q = new SiteQuantizer(6, 1f, new float[2]).noisy(Candidate.MIN_MAX);

    assertThat(model.corrected(q)).isSameAs(q);
  }

  @Test
  void meansAndSpreadsAreThoseOfTheValues() {
    TestSite site = TestSite.of(Shape.GAUSSIAN, 3, 1, 2000, 5);
    CostModel corrected = site.model(6, OutputWeights.identity(3), true);
    CostModel plain = site.model(6, OutputWeights.identity(3), false);
    for (int c = 0; c < 3; c++) {
      double mean = 0;
      double square = 0;
      for (float x : site.values(c)) {
        mean += x / 2000.0;
        square += x * (double) x / 2000;
      }
      assertThat(corrected.means()[c]).isEqualTo(mean, within(2e-3));
      assertThat(corrected.spreads()[c]).isCloseTo(square - mean * mean, withinPercentage(0.5));
      assertThat(plain.spreads()[c]).isCloseTo(square, withinPercentage(0.5));
    }
  }
}
