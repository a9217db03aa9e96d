package org.noisyquant.spark.stage;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.DoubleFunction;
import java.util.stream.Stream;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.noisyquant.error.ErrorCode;
import org.noisyquant.error.NoisyQuantException;
import org.noisyquant.export.QuantizedModelWriter;
import org.noisyquant.export.SiteQuantization;
import org.noisyquant.onnx.OnnxModel;
import org.noisyquant.onnx.SiteFolds;
import org.noisyquant.quant.WeightRounding;
import org.noisyquant.result.SiteResult;
import org.noisyquant.runtime.FoldProbe;
import org.noisyquant.runtime.ModelRunner;
import org.noisyquant.search.NoiseKind;
import org.noisyquant.search.SiteDecision;
import org.noisyquant.search.SiteShortlist;
import org.noisyquant.search.TokenSample;
import org.noisyquant.spark.io.BuildVersion;
import org.noisyquant.spark.stage.SiteWeights.Variant;
import org.noisyquant.stats.SiteStatistics.Part;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * NoisyQuant-Linear on Spark: one image pass for statistics; the search, with one image pass
 * (guided) or three (the paper's clip, shift and range); where the weights ask for it, image passes
 * for second moments; and the export.
 */
public final class Calibration {
  private static final Logger LOG = LoggerFactory.getLogger(Calibration.class);

  static final long TOKEN_SALT = 0x746F6B656EL;
  static final long IMAGE_SALT = 0x696D616765L;
  static final long MOMENT_SALT = 0x6D6F6D656E74L;

  /**
   * What GPTQ leaves of the output error of rounding to nearest: an estimate, half to two thirds.
   */
  static final double GPTQ_SHARE = 0.5;

  private static final double NANOS = 1e9;

  private final CalibrationSettings settings;
  private final JavaSparkContext spark;

  /** A calibration that runs on the session of its images. */
  public Calibration(JavaSparkContext spark, CalibrationSettings settings) {
    this.spark = spark;
    this.settings = settings;
  }

  /**
   * Calibrates.
   *
   * @param observed images, or earlier statistics, or both
   * @param metadata added to the exported models' metadata_props, by the weight of prefix tokens
   * @throws NoisyQuantException NO_IMAGES, TOO_MANY_BAD_IMAGES, NON_FINITE_ACTIVATION or
   *     MODEL_RUN_FAILED; STATISTICS_INVALID for earlier statistics of something else, or of these
   *     images; INVALID_VALUE for settings that need images where there are none
   */
  public Calibrated run(Observations observed, DoubleFunction<Map<String, String>> metadata) {
    settings.check(observed);
    Optional<Calibrated> calibrated = attempt(observed, metadata);
    if (calibrated.isEmpty() && !observed.checkpoints().resumed().isEmpty()) {
      LOG.warn(
          "the images are not those that an earlier run took statistics of: all is computed again");
      observed.checkpoints().discard();
      calibrated = attempt(observed, metadata);
    }
    return calibrated.orElseThrow(
        () ->
            new NoisyQuantException(
                ErrorCode.IMAGES_CHANGED,
                "images were written, replaced or lost while they were calibrated on: the search saw"
                    + " others than the statistics. Calibrate again, on files that stay"));
  }

  /** Empty if the search saw other images than the statistics pass. */
  private Optional<Calibrated> attempt(
      Observations observed, DoubleFunction<Map<String, String>> metadata) {
    long start = System.nanoTime();
    OnnxModel model = settings.model();
    Checkpoints checkpoints = observed.checkpoints();
    String key = statisticsKey();
    TappedModel tapped =
        TappedModel.ship(
            spark,
            model,
            settings.imageInput(checkpoints.crashes(spark).orElse(null)),
            settings.sites());
    Optional<StatisticsResult> pass =
        observed
            .images()
            .map(
                images ->
                    StatisticsStage.run(
                        images, tapped, settings.statisticsMemory(), checkpoints, key));
    Optional<StatisticsResult> earlier =
        observed.earlier().map(stored -> StatisticsResult.of(stored, settings.sites()));
    List<Row> passImages = images(pass);
    List<Row> earlierImages = images(earlier);
    CalibrationImages used =
        CalibrationImages.of(passImages, earlierImages, settings.maxBadFraction());
    StatisticsResult statistics =
        StatisticsResult.sum(
            Stream.of(pass, earlier).flatMap(Optional::stream).toList(), settings.sites());
    List<SiteSummary> summaries = statistics.summaries(settings.sites());
    Optional<RangeDrift> drift = drift(pass.orElse(statistics), observed);
    double secondsStatistics = (System.nanoTime() - start) / NANOS;
    LOG.info(
        "statistics of {} sites from {} images ({} held out, {} quarantined) in {} s",
        summaries.size(),
        used.calibration() + used.heldOut(),
        used.heldOut(),
        used.quarantined().size(),
        String.format("%.1f", secondsStatistics));

    start = System.nanoTime();
    // Not before: the statistics, which need most memory, do without it.
    ShippedModel fp32 = ShippedModel.ship(spark, model.file(), tapped.model());
    SiteFolds folds = folds();
    String searchKey = searchKey(key, used, !passImages.isEmpty());
    ImageSample sample =
        ImageSample.of(passImages, settings.search().imageCount(), settings.seed() ^ IMAGE_SALT);
    PrefixWeightTrial.Outcome prefix =
        PrefixWeightTrial.without(settings, heldOut(passImages))
            .map(PrefixWeightTrial.Outcome::unmeasured)
            .orElseGet(
                () ->
                    checkpoints.value(
                        "prefix-weight",
                        searchKey,
                        PrefixWeightTrial.Outcome.class,
                        () ->
                            new PrefixWeightTrial(spark, settings, folds)
                                .run(
                                    solve(fp32, folds),
                                    statistics,
                                    fp32,
                                    observed.images().orElseThrow(),
                                    passImages,
                                    checkpoints)));
    Calibration weighted = new Calibration(spark, settings.withPrefixWeight(prefix.weight()));
    Search.Outcome found =
        checkpoints.value(
            "search",
            searchKey,
            Search.Outcome.class,
            () ->
                weighted
                    .search(
                        observed.images(), sample, statistics, fp32, tapped, folds, prefix.lists())
                    .run(statistics, summaries));
    if (found.contents() != null && !found.contents().equals(contents(passImages, sample))) {
      statistics.release();
      return Optional.empty();
    }
    double secondsSearch = (System.nanoTime() - start) / NANOS;
    start = System.nanoTime();
    List<SiteWeights> weights =
        checkpoints
            .value(
                "weights",
                searchKey,
                SiteWeights.All.class,
                () ->
                    new SiteWeights.All(
                        weighted.weights(
                            observed.images(), fp32, tapped, found.decisions(), summaries)))
            .weights();
    Map<String, String> properties = metadata.apply(prefix.weight());
    List<SiteQuantization> chosen = quantization(found, weights, Variant.CHOSEN);
    double secondsWeights = (System.nanoTime() - start) / NANOS;
    LOG.info("quantized the weights in {} s", String.format("%.1f", secondsWeights));
    List<SiteResult> results = new ArrayList<>();
    for (int i = 0; i < summaries.size(); i++) {
      SitePlan plan = settings.sites().get(i);
      results.add(
          SiteResult.of(
              plan.site(), plan.weightBits(), plan.activationBits(), found.decisions().get(i)));
    }
    return Optional.of(
        new Calibrated(
            results,
            found.scores(),
            QuantizedModelWriter.write(model, chosen, properties, folds),
            QuantizedModelWriter.write(
                model, quantization(found, weights, Variant.BASELINE), properties, folds),
            prefix.weight(),
            observed.images().isPresent()
                ? settings.manifest()
                : observed.earlier().orElseThrow().manifest().of(settings.manifest().sites()),
            used,
            earlierImages.size(),
            drift,
            statistics.sites(),
            statistics.imageRows(),
            secondsStatistics,
            secondsSearch,
            secondsWeights,
            QuantizedModelWriter.explicitAdds(chosen, folds),
            () -> {
              statistics.release();
              ShippedModel.release(tapped.model(), fp32);
            }));
  }

  private static List<Row> images(Optional<StatisticsResult> statistics) {
    return statistics.map(StatisticsResult::images).orElse(List.of());
  }

  private static int heldOut(List<Row> images) {
    return (int)
        images.stream().filter(row -> Part.HELD_OUT.name().equals(row.getAs("part"))).count();
  }

  private static ContentSum contents(List<Row> images, ImageSample sample) {
    ContentSum contents = ContentSum.NONE;
    for (Row row : images) {
      String digest = row.getAs("digest");
      if (digest != null && sample.has(Part.valueOf(row.getAs("part")), digest)) {
        contents = contents.plus(digest);
      }
    }
    return contents;
  }

  /** All that statistics depend on beside the images. */
  private String statisticsKey() {
    return String.join(
        "\n",
        BuildVersion.noisyquant(),
        ModelRunner.version(),
        System.getProperty("os.arch"),
        spark.getConf().get("spark.task.cpus", "1"),
        settings.manifest().toJson());
  }

  /** The same of the search and of weights. */
  private String searchKey(String statisticsKey, CalibrationImages used, boolean images) {
    return String.join(
        "\n",
        statisticsKey,
        used.sha256(),
        Boolean.toString(images),
        settings.search().toString(),
        settings.weights().toString(),
        Long.toString(settings.seed()),
        settings.sites().toString());
  }

  private Optional<RangeDrift> drift(StatisticsResult now, Observations observed) {
    return observed
        .reference()
        .map(stored -> RangeDrift.between(now.sites(), stored.sites(), settings.sites()));
  }

  /** Where noise and rescale fold; nowhere if that is not wanted. */
  private SiteFolds folds() {
    SearchSettings search = settings.search();
    boolean any = search.fold() && (search.noise() != NoiseKind.NONE || search.channelRescale());
    return any ? FoldProbe.folds(settings.model()) : SiteFolds.off(settings.model());
  }

  private LossWeights loss() {
    SearchSettings search = settings.search();
    // The paper judges by the quantized weights. Other codes are not known before the search.
    boolean byCodes = settings.weights().rounding() == WeightRounding.MINMAX;
    return new LossWeights(
        search.objective(), byCodes && !(search.guided() && search.channelRescale()));
  }

  private SolveStage solve(ShippedModel fp32, SiteFolds folds) {
    double share = settings.weights().rounding() == WeightRounding.GPTQ ? GPTQ_SHARE : 1;
    List<Boolean> rescalable = new ArrayList<>();
    for (SitePlan plan : settings.sites()) {
      rescalable.add(folds.fold(plan.siteOf(settings.model())).folds());
    }
    return new SolveStage(
        fp32, settings.sites(), rescalable, settings.search(), loss(), share, settings.seed());
  }

  /** Solved are the sites already, or null. */
  private Search search(
      Optional<Dataset<Row>> images,
      ImageSample sample,
      StatisticsResult statistics,
      ShippedModel fp32,
      TappedModel tapped,
      SiteFolds folds,
      List<SiteShortlist> solved) {
    SearchSettings search = settings.search();
    ScoreStage score =
        new ScoreStage(
            fp32,
            tapped,
            loss(),
            sample,
            new TokenSample(
                search.tokenFraction(), settings.seed() ^ TOKEN_SALT, search.prefixWeight()));
    if (!search.guided()) {
      return new GridSearch(images.orElseThrow(), settings, score);
    }
    SolveStage solve = solve(fp32, folds);
    return images.isPresent()
        ? new GuidedSearch(
            images.get(), settings, () -> solved == null ? solve.run(statistics) : solved, score)
        : new StatisticsSearch(solve);
  }

  private List<SiteWeights> weights(
      Optional<Dataset<Row>> images,
      ShippedModel fp32,
      TappedModel tapped,
      List<SiteDecision> decisions,
      List<SiteSummary> summaries) {
    WeightStage stage = new WeightStage(fp32, settings.sites(), settings.weights());
    if (!stage.needMoments(decisions)) {
      return stage.withoutMoments(spark, decisions, List.of(Variant.values()));
    }
    TokenSample tokens =
        new TokenSample(
            settings.weights().tokenFraction(),
            settings.seed() ^ MOMENT_SALT,
            settings.search().prefixWeight());
    return new MomentsStage(tapped, stage, tokens).run(images.orElseThrow(), decisions, summaries);
  }

  private List<SiteQuantization> quantization(
      Search.Outcome found, List<SiteWeights> weights, Variant variant) {
    return QuantizedSites.of(
        settings.model(), settings.sites(), found.decisions(), weights, variant);
  }
}
