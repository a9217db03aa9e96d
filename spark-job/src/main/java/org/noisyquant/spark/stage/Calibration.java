package org.noisyquant.spark.stage;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.noisyquant.error.NoisyQuantException;
import org.noisyquant.export.QuantizedModelWriter;
import org.noisyquant.export.SiteQuantization;
import org.noisyquant.onnx.OnnxModel;
import org.noisyquant.onnx.SiteFolds;
import org.noisyquant.quant.WeightRounding;
import org.noisyquant.result.SiteResult;
import org.noisyquant.result.StatisticsManifest;
import org.noisyquant.runtime.FoldProbe;
import org.noisyquant.search.NoiseKind;
import org.noisyquant.search.SiteDecision;
import org.noisyquant.search.TokenSample;
import org.noisyquant.spark.stage.SiteWeights.Variant;
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
   * @param images columns {@code name} (unique string) and {@code content} (image file)
   * @param metadata added to the exported models' metadata_props
   * @throws NoisyQuantException NO_IMAGES, TOO_MANY_BAD_IMAGES, NON_FINITE_ACTIVATION or
   *     MODEL_RUN_FAILED
   */
  public Calibrated run(Dataset<Row> images, Map<String, String> metadata) {
    long start = System.nanoTime();
    OnnxModel model = settings.model();
    TappedModel tapped = TappedModel.ship(spark, model, settings.imageInput(), settings.sites());
    StatisticsResult statistics = StatisticsStage.run(images, tapped, settings.statisticsMemory());
    CalibrationImages used = CalibrationImages.of(statistics.images(), settings.maxBadFraction());
    List<SiteSummary> summaries = statistics.summaries();
    double secondsStatistics = (System.nanoTime() - start) / NANOS;
    LOG.info(
        "statistics of {} sites from {} images ({} held out, {} quarantined) in {} s",
        summaries.size(),
        used.calibration() + used.heldOut(),
        used.heldOut(),
        used.quarantined().size(),
        String.format("%.1f", secondsStatistics));

    start = System.nanoTime();
    ShippedModel fp32 = ShippedModel.ship(spark, model.bytes());
    SiteFolds folds = folds();
    Search.Outcome found = search(fp32, tapped, folds).run(images, statistics, summaries);
    double secondsSearch = (System.nanoTime() - start) / NANOS;
    start = System.nanoTime();
    List<SiteWeights> weights = weights(images, fp32, tapped, found.decisions(), summaries);
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
    return new Calibrated(
        results,
        found.scores(),
        QuantizedModelWriter.write(model, chosen, metadata, folds),
        QuantizedModelWriter.write(
            model, quantization(found, weights, Variant.BASELINE), metadata, folds),
        StatisticsManifest.of(
            model.sha256(),
            settings.preprocessing(),
            settings.heldOutFraction(),
            settings.seed(),
            settings.sites().stream().map(SitePlan::site).toList()),
        used,
        statistics.sites(),
        statistics.imageRows(),
        secondsStatistics,
        secondsSearch,
        secondsWeights,
        QuantizedModelWriter.explicitAdds(chosen, folds),
        () -> {
          statistics.release();
          tapped.model().release();
          fp32.release();
        });
  }

  /** Where noise and rescale fold; nowhere if that is not wanted. */
  private SiteFolds folds() {
    SearchSettings search = settings.search();
    boolean any = search.fold() && (search.noise() != NoiseKind.NONE || search.channelRescale());
    return any ? FoldProbe.folds(settings.model()) : SiteFolds.off(settings.model());
  }

  private Search search(ShippedModel fp32, TappedModel tapped, SiteFolds folds) {
    SearchSettings search = settings.search();
    // The paper judges by the quantized weights. Other codes are not known before the search.
    boolean byCodes = settings.weights().rounding() == WeightRounding.MINMAX;
    LossWeights loss =
        new LossWeights(
            search.objective(), byCodes && !(search.guided() && search.channelRescale()));
    ScoreStage score =
        new ScoreStage(
            fp32,
            tapped,
            loss,
            new TokenSample(
                search.tokenFraction(), settings.seed() ^ TOKEN_SALT, search.prefixWeight()));
    if (!search.guided()) {
      return new GridSearch(settings, score);
    }
    double share = settings.weights().rounding() == WeightRounding.GPTQ ? GPTQ_SHARE : 1;
    List<Boolean> rescalable = new ArrayList<>();
    for (SitePlan plan : settings.sites()) {
      rescalable.add(folds.fold(plan.siteOf(settings.model())).folds());
    }
    return new GuidedSearch(
        settings,
        new SolveStage(fp32, settings.sites(), rescalable, search, loss, share, settings.seed()),
        score);
  }

  private List<SiteWeights> weights(
      Dataset<Row> images,
      ShippedModel fp32,
      TappedModel tapped,
      List<SiteDecision> decisions,
      List<SiteSummary> summaries) {
    WeightStage stage = new WeightStage(fp32, settings.sites(), settings.weights());
    if (!stage.needMoments(decisions)) {
      return stage.withoutMoments(spark, decisions);
    }
    TokenSample tokens =
        new TokenSample(
            settings.weights().tokenFraction(),
            settings.seed() ^ MOMENT_SALT,
            settings.search().prefixWeight());
    return new MomentsStage(tapped, stage, tokens).run(images, decisions, summaries);
  }

  private List<SiteQuantization> quantization(
      Search.Outcome found, List<SiteWeights> weights, Variant variant) {
    return QuantizedSites.of(
        settings.model(), settings.sites(), found.decisions(), weights, variant);
  }
}
