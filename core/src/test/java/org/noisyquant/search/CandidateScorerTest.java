package org.noisyquant.search;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.noisyquant.quant.NoisyBias;
import org.noisyquant.quant.QuantizedWeight;
import org.noisyquant.quant.WeightQuantizer;
import org.noisyquant.runtime.MatMulRunner;

class CandidateScorerTest {
  private static MatMulRunner runner;

  @BeforeAll
  static void open() {
    runner = MatMulRunner.open(1);
  }

  @AfterAll
  static void close() {
    runner.close();
  }

  @Test
  void scoresTheExactSquaredOutputErrorOfEveryCandidate() {
    assertScoresMatchDirectSums(24, List.of(10), 11);
  }

  @Test
  void aFactorOfTheGramMatrixScoresLikeTheWeightItself() {
    assertScoresMatchDirectSums(16, List.of(40, 24), 11);
  }

  @Test
  void aWeightOfLowRankIsScoredExactlyToo() {
    Random random = new Random(9);
    int channels = 12;
    float[] weight = new float[channels * 30];
    for (int o = 0; o < 30; o++) {
      weight[o] = (float) random.nextGaussian();
      weight[30 + o] = weight[o];
    }
    QuantizedWeight wq = WeightQuantizer.minMax(weight, channels, 30, 8);

    assertScoresMatchDirectSums(List.of(wq), 5);
  }

  @Test
  void theInputObjectiveSumsTheErrorAtTheSite() {
    float[] x = {0.3f, -0.2f, 0.9f, 5f};
    SiteQuantizer site = new SiteQuantizer(3, 3f, new float[] {0f, 0f});
    double[] sums = new double[1];

    new CandidateScorer(runner)
        .score(
            SiteObjective.of(runner, OutputWeights.identity(2)),
            List.of(site.noisy(Candidate.MIN_MAX)),
            x,
            2,
            sums);

    // Step 1, levels −4 … 3: errors −0.3, 0.2, 0.1, −2.
    assertThat(sums[0]).isEqualTo(0.09 + 0.04 + 0.01 + 4, within(1e-6));
  }

  @Test
  void aCandidateCostsMemoryForItsNoiseNotForItsErrors() {
    int channels = 64;
    int tokens = 200;
    Random random = new Random(4);
    float[] x = gaussians(random, tokens * channels);
    QuantizedWeight weight =
        WeightQuantizer.minMax(gaussians(random, channels * 32), channels, 32, 6);
    SiteQuantizer site = new SiteQuantizer(6, 4f, NoisyBias.unit(3, 0, channels));
    try (SiteObjective objective = SiteObjective.output(runner, List.of(weight))) {
      // Loads classes.
      allocated(objective, site, 40, x, tokens);
      long few = allocated(objective, site, 100, x, tokens);
      long many = allocated(objective, site, 1100, x, tokens);

      // The errors alone are 4·200·64 bytes of each candidate, 51 KB.
      assertThat((many - few) / 1000.0).isBetween(4.0 * channels, 4096.0);
    }
  }

  /** Bytes of heap that a new scorer asks for, garbage included. */
  private static long allocated(
      SiteObjective objective, SiteQuantizer site, int candidates, float[] x, int tokens) {
    List<Candidate> ranges = new ArrayList<>();
    for (int k = 0; k < candidates; k++) {
      ranges.add(new Candidate(0.8, 0.1, 2.0 * k / candidates));
    }
    double[] sums = new double[candidates];
    var threads = (com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean();
    long before = threads.getCurrentThreadAllocatedBytes();
    new CandidateScorer(runner).score(objective, new GridQuantizers(site, ranges), x, tokens, sums);
    return threads.getCurrentThreadAllocatedBytes() - before;
  }

  private static void assertScoresMatchDirectSums(int channels, List<Integer> outputs, int tokens) {
    Random random = new Random(channels);
    List<QuantizedWeight> weights = new ArrayList<>();
    for (int o : outputs) {
      weights.add(WeightQuantizer.minMax(gaussians(random, channels * o), channels, o, 6));
    }
    assertScoresMatchDirectSums(weights, tokens);
  }

  private static void assertScoresMatchDirectSums(List<QuantizedWeight> weights, int tokens) {
    int channels = weights.get(0).inputs();
    float[] x = gaussians(new Random(1), tokens * channels);
    float absMax = 0;
    for (float v : x) {
      absMax = Math.max(absMax, Math.abs(v));
    }
    SiteQuantizer site = new SiteQuantizer(6, absMax, NoisyBias.unit(1, 2, channels));
    List<Candidate> candidates = new ArrayList<>(new CandidateGrid(30, 1, 1).clipCandidates());
    candidates.addAll(new CandidateGrid(1, 20, 1).shiftCandidates(new Candidate(0.6, 0, 0)));
    candidates.addAll(new CandidateGrid(1, 1, 20).rangeCandidates(new Candidate(0.6, 0.3, 0)));
    double[] sums = new double[candidates.size()];
    try (SiteObjective objective = SiteObjective.output(runner, weights)) {
      new CandidateScorer(runner)
          .score(objective, new GridQuantizers(site, candidates), x, tokens, sums);
    }

    for (int i = 0; i < sums.length; i++) {
      double expected = directSum(weights, site, candidates.get(i), x, tokens);
      assertThat(sums[i])
          .as(candidates.get(i).toString())
          .isCloseTo(expected, within(expected * 2e-5));
    }
  }

  private static double directSum(
      List<QuantizedWeight> weights,
      SiteQuantizer site,
      Candidate candidate,
      float[] x,
      int tokens) {
    int channels = weights.get(0).inputs();
    float step = site.quantizer(candidate).step();
    float[] noise = site.noise(candidate);
    double sum = 0;
    for (QuantizedWeight weight : weights) {
      for (int t = 0; t < tokens; t++) {
        for (int o = 0; o < weight.outputs(); o++) {
          double error = 0;
          for (int c = 0; c < channels; c++) {
            float v = x[t * channels + c];
            double q = Math.max(-32, Math.min(31, Math.rint((v + noise[c]) / step))) * step;
            error +=
                (q - noise[c] - v) * weight.codes()[c * weight.outputs() + o] * weight.scales()[o];
          }
          sum += error * error;
        }
      }
    }
    return sum;
  }

  private static float[] gaussians(Random random, int size) {
    float[] values = new float[size];
    for (int i = 0; i < size; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }
}
