package org.noisyquant.spark.stage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.withinPercentage;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.noisyquant.graph.ActivationSite;
import org.noisyquant.onnx.OnnxModel;
import org.noisyquant.quant.NoisyBias;
import org.noisyquant.quant.WeightRounding;
import org.noisyquant.result.SiteResult;
import org.noisyquant.runtime.MatMulRunner;
import org.noisyquant.search.Candidate;
import org.noisyquant.search.CandidateGrid;
import org.noisyquant.search.CandidateScorer;
import org.noisyquant.search.GridQuantizers;
import org.noisyquant.search.NoiseKind;
import org.noisyquant.search.Objective;
import org.noisyquant.search.SearchPass;
import org.noisyquant.search.SiteObjective;
import org.noisyquant.search.SiteQuantizer;
import org.noisyquant.search.TokenSample;
import org.noisyquant.spark.stage.TestActivations.Activations;
import org.noisyquant.spark.testing.LocalSpark;
import org.noisyquant.stats.SiteStatistics;
import org.noisyquant.stats.SiteStatistics.Part;
import org.noisyquant.testing.TestData;

/**
 * Calibration on Spark against a plain loop over the same images, sites and candidates on one
 * thread: the passes, shuffles and sums add nothing and lose nothing.
 */
class CalibrationReferenceIT {
  private static final int IMAGES = 12;
  private static final double HELD_OUT = 0.3;
  private static final double TOKENS = 0.5;
  private static final long SEED = 1;
  private static final CandidateGrid GRID = new CandidateGrid(8, 4, 6);

  /**
   * Relative 1e-8: Spark's sums are exact, but of losses rounded once per image to a coarse grid.
   */
  private static final Percentage SAME = withinPercentage(1e-6);

  @TempDir static Path folder;

  private static OnnxModel model;
  private static List<SitePlan> plans;
  private static List<List<Activations>> activations;
  private static Calibrated calibrated;

  @BeforeAll
  static void calibrateOnSparkAndCollectActivationsWithout() {
    Path images = TestActivations.images(folder, IMAGES);
    model = OnnxModel.read(TestData.fashion(TestActivations.MODEL));
    plans =
        model.graph().sites().stream()
            .filter(site -> site.name().matches("blocks\\.[03]\\..*"))
            .map(site -> new SitePlan(site, 6, 5))
            .toList();
    assertThat(plans).hasSize(8);
    calibrated = onSpark(images);
    activations = TestActivations.collect(model, plans, images, SEED, HELD_OUT).bySite();
  }

  @AfterAll
  static void release() {
    calibrated.release().run();
  }

  private static Calibrated onSpark(Path images) {
    SparkSession spark = LocalSpark.session();
    CalibrationSettings settings =
        new CalibrationSettings(
            model,
            TestActivations.preprocessing(model),
            plans,
            new SearchSettings(
                false, GRID, Objective.OUTPUT, NoiseKind.UNIFORM, true, false, false, 1, 0, TOKENS),
            new WeightRules(WeightRounding.MINMAX, false, false, 0, 1, 1),
            1,
            HELD_OUT,
            0,
            SEED);
    return new Calibration(JavaSparkContext.fromSparkContext(spark.sparkContext()), settings)
        .run(
            Observations.of(ImageSource.list(spark, images.toString()).read(3)),
            prefixWeight -> Map.of());
  }

  @Test
  void theStatisticsAreThoseOfOneLoop() {
    Map<Integer, byte[]> onSpark = new HashMap<>();
    for (Row row : calibrated.statistics().collectAsList()) {
      onSpark.put(row.getInt(0), row.getAs(1));
    }
    assertThat(onSpark).hasSize(plans.size());
    for (int i = 0; i < plans.size(); i++) {
      ActivationSite site = plans.get(i).site();
      SiteStatistics statistics =
          SiteStatistics.empty(site.index(), site.channels(), site.prefixTokens());
      activations.get(i).forEach(a -> statistics.update(a.part(), a.x(), a.tokens()));
      assertThat(onSpark.get(site.index())).as(site.name()).isEqualTo(statistics.toBytes());
    }
  }

  @Test
  void bothPartsHaveTheirImages() {
    long heldOut = activations.get(0).stream().filter(a -> a.part() == Part.HELD_OUT).count();
    assertThat(calibrated.images().heldOut()).isEqualTo(heldOut).isBetween(2L, 6L);
    assertThat(calibrated.images().calibration()).isEqualTo(IMAGES - heldOut);
  }

  @Test
  void everyCandidateHasTheLossOfOneLoopAndTheSameOnesAreChosen() {
    try (MatMulRunner products = MatMulRunner.open(1)) {
      for (int i = 0; i < plans.size(); i++) {
        check(i, products);
      }
    }
  }

  private static void check(int position, MatMulRunner products) {
    SitePlan plan = plans.get(position);
    SiteResult result = calibrated.sites().get(position);
    float absMax = 0;
    for (Activations a : activations.get(position)) {
      for (float value : a.x()) {
        absMax = a.part() == Part.CALIBRATION ? Math.max(absMax, Math.abs(value)) : absMax;
      }
    }
    assertThat(result.absMax()).isEqualTo(absMax);
    SiteQuantizer quantizer =
        new SiteQuantizer(
            plan.activationBits(),
            absMax,
            NoisyBias.unit(SEED, plan.site().index(), plan.site().channels()));
    try (SiteObjective objective = SiteObjective.output(products, plan.quantizedWeights(model))) {
      CandidateScorer scorer = new CandidateScorer(products);
      Candidate best = Candidate.MIN_MAX;
      double bestLoss = 0;
      for (SearchPass pass : SearchPass.values()) {
        List<Candidate> candidates = pass.candidates(GRID, best);
        Map<Part, double[]> losses = losses(position, scorer, objective, quantizer, candidates);
        double[] own = losses.get(Part.CALIBRATION);
        List<CandidateScore> scored =
            calibrated.scores().stream()
                .filter(s -> s.site() == plan.site().index() && s.search().equals(pass.name()))
                .toList();
        int lowest = 0;
        for (int k = 0; k < own.length; k++) {
          String what = plan.site().name() + " " + candidates.get(k);
          assertThat(scored.get(k).candidate()).isEqualTo(candidates.get(k));
          assertThat(scored.get(k).loss().calibration()).as(what).isCloseTo(own[k], SAME);
          assertThat(scored.get(k).loss().heldOut())
              .as(what)
              .isCloseTo(losses.get(Part.HELD_OUT)[k], SAME);
          lowest = own[k] < own[lowest] ? k : lowest;
        }
        assertThat(scored).hasSize(own.length);
        best = candidates.get(lowest);
        bestLoss = own[lowest];
        if (pass == SearchPass.CLIP) {
          assertThat(result.minMax().loss()).isCloseTo(own[0], SAME);
          assertThat(result.baseline().clip()).isEqualTo(best.clip());
          assertThat(result.baseline().loss()).isCloseTo(bestLoss, SAME);
        }
      }
      assertThat(result.chosen().clip()).isEqualTo(best.clip());
      assertThat(result.chosen().shift()).isEqualTo(best.shift());
      assertThat(result.chosen().range()).isEqualTo(best.range());
      assertThat(result.chosen().loss()).isCloseTo(bestLoss, SAME);
    }
  }

  /** Mean squared errors per token and output, of each part. */
  private static Map<Part, double[]> losses(
      int position,
      CandidateScorer scorer,
      SiteObjective objective,
      SiteQuantizer quantizer,
      List<Candidate> candidates) {
    ActivationSite site = plans.get(position).site();
    TokenSample sample = new TokenSample(TOKENS, SEED ^ Calibration.TOKEN_SALT, 1);
    Map<Part, double[]> sums = new EnumMap<>(Part.class);
    Map<Part, Long> tokens = new EnumMap<>(Part.class);
    for (Activations a : activations.get(position)) {
      float[] chosen = new float[a.x().length];
      int rows =
          sample.choose(a.digest(), site.index(), a.x(), a.tokens(), site.channels(), 0, chosen);
      double[] losses = new double[candidates.size()];
      scorer.score(objective, new GridQuantizers(quantizer, candidates), chosen, rows, losses);
      double[] sum = sums.computeIfAbsent(a.part(), p -> new double[losses.length]);
      Arrays.setAll(sum, k -> sum[k] + losses[k]);
      tokens.merge(a.part(), (long) rows, Long::sum);
    }
    sums.forEach(
        (part, sum) ->
            Arrays.setAll(sum, k -> sum[k] / ((double) tokens.get(part) * site.outputs())));
    return sums;
  }
}
