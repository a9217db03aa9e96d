package org.noisyquant.spark.stage;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.noisyquant.evaluate.Estimate;
import org.noisyquant.evaluate.EvaluationResult;
import org.noisyquant.export.QuantizedModelWriter;
import org.noisyquant.onnx.OnnxFile;
import org.noisyquant.onnx.SiteFolds;
import org.noisyquant.search.NoiseKind;
import org.noisyquant.search.SiteDecision;
import org.noisyquant.search.SiteShortlist;
import org.noisyquant.spark.stage.EvaluateStage.Subject;
import org.noisyquant.spark.stage.SiteWeights.Variant;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Measures what a class, distillation or register token is to count against a patch token. How much
 * of a network's output hangs on these few tokens is nothing that an error at one site shows. So
 * the sites are solved on their statistics with and without a weight, and the models of what is
 * predicted to be best are compared with FP32 on held-out images. The weight is given up where the
 * 95 % interval of the paired difference of the KL divergences says that without it the model is
 * closer. Without it uniform draws are not looked at beside optimized offsets, which are predicted
 * to be better: should the weight be given up, the sites are solved once more.
 */
final class PrefixWeightTrial {
  /** Taken unless the images speak against it: what networks need that classify by a token. */
  static final double USUAL = 20;

  /** Of networks without such tokens, or whose output does not hang on them. */
  static final double NONE = 1;

  /** What is tried, the usual one first. */
  static final List<Double> WEIGHTS = List.of(USUAL, NONE);

  /** Fewer images show nothing. */
  static final int LEAST_IMAGES = 16;

  /** Most images that the models are compared on. */
  private static final int IMAGES = 64;

  private static final int REPLICATES = 1000;

  private static final double NANOS = 1e9;

  private static final Logger LOG = LoggerFactory.getLogger(PrefixWeightTrial.class);

  private final JavaSparkContext spark;
  private final CalibrationSettings settings;
  private final SiteFolds folds;

  /**
   * What was found.
   *
   * @param weight the one that is taken
   * @param lists what the sites were solved to with the weight, in their order; null if they were
   *     not, or not completely
   */
  record Outcome(double weight, ArrayList<SiteShortlist> lists) implements Serializable {
    static Outcome unmeasured(double weight) {
      return new Outcome(weight, null);
    }
  }

  PrefixWeightTrial(JavaSparkContext spark, CalibrationSettings settings, SiteFolds folds) {
    this.spark = spark;
    this.settings = settings;
    this.folds = folds;
  }

  /**
   * What is taken without a measurement; empty if that takes one.
   *
   * @param images how many of the held-out part there are to look at
   */
  static Optional<Double> without(CalibrationSettings settings, int images) {
    SearchSettings search = settings.search();
    if (search.prefixWeight() != SearchSettings.MEASURED) {
      return Optional.of(search.prefixWeight());
    }
    if (!hasPrefixTokens(settings.sites())) {
      return Optional.of(NONE);
    }
    return mayRun(search, settings.sites()) && images >= LEAST_IMAGES
        ? Optional.empty()
        : Optional.of(USUAL);
  }

  /** Whether it takes a measurement, if there are enough held-out images. */
  static boolean mayRun(SearchSettings search, List<SitePlan> sites) {
    return search.prefixWeight() == SearchSettings.MEASURED
        && search.guided()
        && hasPrefixTokens(sites);
  }

  private static boolean hasPrefixTokens(List<SitePlan> sites) {
    return sites.stream().anyMatch(plan -> plan.site().prefixTokens() > 0);
  }

  /**
   * Measures.
   *
   * @param solve solves the sites, with whatever weight
   * @param fp32 the model with the weights
   * @param passed rows of the images that statistics were taken of
   */
  Outcome run(
      SolveStage solve,
      StatisticsResult statistics,
      ShippedModel fp32,
      Dataset<Row> images,
      List<Row> passed,
      Checkpoints checkpoints) {
    long start = System.nanoTime();
    SearchSettings usual = settings.search().withPrefixWeight(USUAL);
    SearchSettings none = usual.withPrefixWeight(NONE);
    boolean complete = none.noise() != NoiseKind.OPTIMIZED;
    List<List<SiteShortlist>> solved =
        List.of(
            solve.with(usual).run(statistics),
            solve.with(complete ? none : none.withoutDraws()).run(statistics));
    List<Subject> models = new ArrayList<>();
    for (int w = 0; w < solved.size(); w++) {
      models.add(subject("a trial of prefix weight " + WEIGHTS.get(w), model(fp32, solved.get(w))));
    }
    EvaluateStage stage =
        new EvaluateStage(
            spark,
            subject("fp32", settings.model().file()),
            models,
            settings.preprocessing(),
            settings.heldOutFraction(),
            REPLICATES,
            settings.seed(),
            checkpoints);
    ImageFilter some = ImageSample.of(passed, IMAGES, settings.seed() ^ Calibration.IMAGE_SALT);
    Evaluated evaluated = stage.run(images, Optional.empty(), ImageFilter.HELD_OUT.and(some));
    stage.release();
    int taken = evaluated.result().filter(result -> noneIsCloser(result)).isPresent() ? 1 : 0;
    evaluated.result().ifPresent(result -> log(result, WEIGHTS.get(taken), start));
    boolean reusable = taken == 0 || complete;
    return new Outcome(WEIGHTS.get(taken), reusable ? new ArrayList<>(solved.get(taken)) : null);
  }

  private static boolean noneIsCloser(EvaluationResult result) {
    return result.images() >= LEAST_IMAGES && result.differences().get(0).kl().high() < 0;
  }

  private static void log(EvaluationResult result, double taken, long start) {
    Estimate difference = result.differences().get(0).kl();
    LOG.info(
        "compared prefix weights {} on {} held-out images in {} s: KL {}, difference {}; {} is taken",
        WEIGHTS,
        result.images(),
        String.format("%.1f", (System.nanoTime() - start) / NANOS),
        result.compared().stream().map(score -> String.format("%.4g", score.kl().value())).toList(),
        String.format("%.2g [%.2g, %.2g]", difference.value(), difference.low(), difference.high()),
        taken);
  }

  private Subject subject(String name, OnnxFile model) {
    return new Subject(name, settings.model().graph().output(), model);
  }

  /** The model of what is predicted to be best. */
  private OnnxFile model(ShippedModel fp32, List<SiteShortlist> solved) {
    List<SiteDecision> decisions = solved.stream().map(SiteDecision::predicted).toList();
    List<SiteWeights> weights =
        new WeightStage(fp32, settings.sites(), settings.weights().withoutMoments())
            .withoutMoments(spark, decisions, List.of(Variant.CHOSEN));
    return QuantizedModelWriter.write(
        settings.model(),
        QuantizedSites.of(settings.model(), settings.sites(), decisions, weights, Variant.CHOSEN),
        Map.of(),
        folds);
  }
}
