package org.noisyquant.spark.stage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.withinPercentage;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.apache.spark.api.java.JavaSparkContext;
import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.TestInstance.Lifecycle;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.noisyquant.export.QuantizedModelWriter;
import org.noisyquant.export.SiteQuantization;
import org.noisyquant.onnx.OnnxModel;
import org.noisyquant.onnx.SiteFolds;
import org.noisyquant.quant.WeightRounding;
import org.noisyquant.result.SiteResult;
import org.noisyquant.runtime.FoldProbe;
import org.noisyquant.runtime.MatMulRunner;
import org.noisyquant.runtime.MomentsRunner;
import org.noisyquant.search.NoiseKind;
import org.noisyquant.search.SiteChoice;
import org.noisyquant.search.SiteDecision;
import org.noisyquant.spark.testing.LocalSpark;
import org.noisyquant.testing.TestData;

/**
 * The guided search and the weights on Spark against one loop over the same images on one thread,
 * from statistics to the bytes of both models.
 */
@TestInstance(Lifecycle.PER_CLASS)
class GuidedReferenceIT {
  private static final int IMAGES = 12;
  private static final double HELD_OUT = 0.3;
  private static final long SEED = 1;

  /**
   * Relative 1e-6: Spark's sums are exact, but of losses rounded once per image to a coarse grid.
   */
  private static final Percentage SAME = withinPercentage(1e-4);

  /** What differs between the presets. */
  private record Weights(double prefixWeight, int imageCount, WeightRules rules) {}

  @TempDir static Path folder;

  private OnnxModel model;
  private SiteFolds folds;
  private List<SitePlan> plans;
  private Path images;
  private TestActivations activations;
  private MatMulRunner products;
  private MomentsRunner moments;

  @BeforeAll
  void collectActivations() {
    model = OnnxModel.read(TestData.fashion(TestActivations.MODEL));
    folds = FoldProbe.folds(model);
    plans =
        model.graph().sites().stream()
            .filter(site -> site.name().matches("blocks\\.[03]\\..*"))
            .map(site -> new SitePlan(site, 4, 4))
            .toList();
    assertThat(plans).hasSize(8);
    images = TestActivations.images(folder, IMAGES);
    activations = TestActivations.collect(model, plans, images, SEED, HELD_OUT);
    products = MatMulRunner.open(1);
    moments = MomentsRunner.open(1);
  }

  @AfterAll
  void close() {
    products.close();
    moments.close();
  }

  private CalibrationSettings settings(Weights weights) {
    return new CalibrationSettings(
        model,
        TestActivations.preprocessing(model),
        plans,
        TestSearch.of(true, weights.prefixWeight, weights.imageCount, 0.5),
        weights.rules,
        Long.MAX_VALUE,
        HELD_OUT,
        0,
        SEED);
  }

  static Stream<Named<Weights>> weights() {
    return Stream.of(
        Named.of(
            "by predicted moments, scored on some images",
            new Weights(1, 3, new WeightRules(WeightRounding.MSE, false, true, 0.01, 0.5, 1))),
        Named.of(
            "by exact moments, some sites at a time",
            new Weights(
                20, 0, new WeightRules(WeightRounding.GPTQ, true, true, 0.01, 0.5, 300_000))));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("weights")
  void everyStepIsThatOfOneLoop(Weights weights) {
    CalibrationSettings settings = settings(weights);
    JavaSparkContext spark = JavaSparkContext.fromSparkContext(LocalSpark.session().sparkContext());
    Calibrated calibrated =
        new Calibration(spark, settings)
            .run(
                Observations.of(ImageSource.list(LocalSpark.session(), images.toString()).read(3)),
                prefixWeight -> Map.of());
    try {
      List<SiteQuantization> chosen = new ArrayList<>();
      List<SiteQuantization> baselines = new ArrayList<>();
      for (int i = 0; i < plans.size(); i++) {
        PlainGuidedSearch plain =
            new PlainGuidedSearch(settings, i, folds, activations.bySite().get(i), products);
        scoresAreEqual(calibrated, plain, plans.get(i));
        decisionsAreEqual(calibrated.sites().get(i), plain.decision());
        chosen.add(plain.quantization(plain.decision().chosen(), moments));
        baselines.add(plain.quantization(plain.decision().baseline(), moments));
      }
      assertThat(calibrated.model().sha256()).isEqualTo(digest(chosen));
      assertThat(calibrated.baseline().sha256()).isEqualTo(digest(baselines));
    } finally {
      calibrated.release().run();
    }
  }

  private String digest(List<SiteQuantization> sites) {
    return QuantizedModelWriter.write(model, sites, Map.of(), folds).sha256();
  }

  private static void scoresAreEqual(
      Calibrated calibrated, PlainGuidedSearch plain, SitePlan plan) {
    List<CandidateScore> scores =
        calibrated.scores().stream().filter(s -> s.site() == plan.site().index()).toList();
    List<SiteChoice> choices = plain.choices();
    assertThat(scores).hasSameSizeAs(choices).hasSizeGreaterThan(5);
    for (int k = 0; k < choices.size(); k++) {
      CandidateScore score = scores.get(k);
      String what = plan.site().name() + " " + score;
      assertThat(score.search()).isEqualTo(k == 0 ? "MIN_MAX" : choices.get(k).kind().name());
      assertThat(score.candidate()).isEqualTo(choices.get(k).candidate());
      assertThat(score.predicted()).as(what).isEqualTo(choices.get(k).predicted());
      assertThat(score.loss().calibration())
          .as(what)
          .isCloseTo(plain.losses().get(k).calibration(), SAME);
      assertThat(score.loss().heldOut()).as(what).isCloseTo(plain.losses().get(k).heldOut(), SAME);
    }
  }

  private static void decisionsAreEqual(SiteResult actual, SiteDecision expected) {
    assertThat(actual.site()).isEqualTo(expected.site());
    assertThat(actual.absMax()).isEqualTo(expected.absMax());
    assertThat(actual.noiseDropped()).isEqualTo(expected.dropped());
    assertThat(actual.rescale())
        .isEqualTo(expected.rescale() == null ? new float[0] : expected.rescale());
    isEqual(actual.minMax(), expected.minMax());
    isEqual(actual.baseline(), expected.baseline());
    isEqual(actual.chosen(), expected.chosen());
    if (actual.chosen().noise() == NoiseKind.NONE) {
      assertThat(actual.noise()).isEmpty();
    } else {
      assertThat(actual.noise()).isEqualTo(expected.chosen().choice().quantizer().noise());
    }
  }

  private static void isEqual(SiteResult.Choice actual, SiteDecision.Scored expected) {
    SiteChoice choice = expected.choice();
    assertThat(actual.noise()).isEqualTo(choice.kind());
    assertThat(actual.step()).isEqualTo(choice.step());
    assertThat(actual.clip()).isEqualTo(choice.candidate().clip());
    assertThat(actual.shift()).isEqualTo(choice.candidate().shift());
    assertThat(actual.range()).isEqualTo(choice.candidate().range());
    assertThat(actual.predicted()).isEqualTo(choice.predicted());
    assertThat(actual.loss()).isCloseTo(expected.loss().calibration(), SAME);
    assertThat(actual.heldOutLoss()).isCloseTo(expected.loss().heldOut(), SAME);
  }
}
