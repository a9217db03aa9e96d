package org.noisyquant.spark.stage;

import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Function;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.noisyquant.error.NoisyQuantException;
import org.noisyquant.export.QuantizedModelWriter;
import org.noisyquant.onnx.OnnxModel;
import org.noisyquant.quant.NoisyBias;
import org.noisyquant.quant.QuantizedWeight;
import org.noisyquant.result.SiteResult;
import org.noisyquant.result.StatisticsManifest;
import org.noisyquant.search.Candidate;
import org.noisyquant.search.CandidateLoss;
import org.noisyquant.search.GridQuantizers;
import org.noisyquant.search.LossGrid;
import org.noisyquant.search.Objective;
import org.noisyquant.search.ScoredCandidate;
import org.noisyquant.search.SearchPass;
import org.noisyquant.search.SiteQuantizer;
import org.noisyquant.search.SiteSolution;
import org.noisyquant.search.TokenSample;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * NoisyQuant-Linear on Spark: one image pass for statistics, three for the candidates of all sites
 * together (clip, shift, range), and the export.
 */
public final class Calibration {
  private static final Logger LOG = LoggerFactory.getLogger(Calibration.class);

  static final long TOKEN_SALT = 0x746F6B656EL;
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
    StatisticsResult statistics = StatisticsStage.run(images, tapped);
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
    List<SiteQuantizer> quantizers = new ArrayList<>();
    List<LossGrid> grids = new ArrayList<>();
    for (int i = 0; i < summaries.size(); i++) {
      SitePlan plan = settings.sites().get(i);
      SiteSummary summary = summaries.get(i);
      List<QuantizedWeight> weights =
          settings.objective() == Objective.INPUT ? List.of() : plan.quantizedWeights(model);
      grids.add(summary.lossGrid(plan.activationBits(), weights));
      quantizers.add(
          new SiteQuantizer(
              plan.activationBits(),
              summary.absMax(),
              NoisyBias.unit(settings.seed(), plan.site().index(), plan.site().channels())));
    }
    ScoreStage stage =
        new ScoreStage(
            ShippedModel.ship(spark, model.bytes()),
            tapped,
            settings.objective(),
            new TokenSample(settings.tokenFraction(), settings.seed() ^ TOKEN_SALT, 1));
    Map<SearchPass, List<List<ScoredCandidate>>> scores = search(images, stage, quantizers, grids);
    List<SiteSolution> solutions = new ArrayList<>();
    List<SiteResult> results = new ArrayList<>();
    for (int i = 0; i < quantizers.size(); i++) {
      SitePlan plan = settings.sites().get(i);
      SiteSolution solution =
          SiteSolution.of(
              plan.site().index(),
              summaries.get(i).absMax(),
              scores.get(SearchPass.CLIP).get(i),
              scores.get(SearchPass.SHIFT).get(i),
              scores.get(SearchPass.RANGE).get(i));
      solutions.add(solution);
      results.add(SiteResult.of(plan.site(), plan.weightBits(), quantizers.get(i), solution));
    }
    return new Calibrated(
        results,
        scores,
        export(quantizers, solutions, s -> s.chosen().candidate(), metadata),
        export(quantizers, solutions, s -> s.baseline().candidate(), metadata),
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
        (System.nanoTime() - start) / NANOS,
        statistics::release);
  }

  private Map<SearchPass, List<List<ScoredCandidate>>> search(
      Dataset<Row> images, ScoreStage stage, List<SiteQuantizer> quantizers, List<LossGrid> grids) {
    Map<SearchPass, List<List<ScoredCandidate>>> scores = new EnumMap<>(SearchPass.class);
    List<Candidate> incumbents = new ArrayList<>();
    quantizers.forEach(q -> incumbents.add(Candidate.MIN_MAX));
    for (SearchPass pass : SearchPass.values()) {
      long start = System.nanoTime();
      List<List<Candidate>> candidates = new ArrayList<>();
      List<SiteTrial> trials = new ArrayList<>();
      for (int i = 0; i < quantizers.size(); i++) {
        candidates.add(pass.candidates(settings.grid(), incumbents.get(i)));
        trials.add(
            new SiteTrial(new GridQuantizers(quantizers.get(i), candidates.get(i)), grids.get(i)));
      }
      List<List<ScoredCandidate>> scored = scored(candidates, stage.run(images, trials));
      for (int i = 0; i < scored.size(); i++) {
        incumbents.set(i, SiteSolution.best(scored.get(i)).candidate());
      }
      scores.put(pass, scored);
      LOG.info(
          "{} search: {} candidates of {} sites in {} s",
          pass.name().toLowerCase(Locale.ROOT),
          candidates.get(0).size(),
          trials.size(),
          String.format("%.1f", (System.nanoTime() - start) / NANOS));
    }
    return scores;
  }

  private static List<List<ScoredCandidate>> scored(
      List<List<Candidate>> candidates, List<List<CandidateLoss>> losses) {
    List<List<ScoredCandidate>> scored = new ArrayList<>();
    for (int i = 0; i < candidates.size(); i++) {
      List<ScoredCandidate> site = new ArrayList<>();
      for (int k = 0; k < candidates.get(i).size(); k++) {
        CandidateLoss loss = losses.get(i).get(k);
        site.add(new ScoredCandidate(candidates.get(i).get(k), loss.calibration(), loss.heldOut()));
      }
      scored.add(site);
    }
    return scored;
  }

  private byte[] export(
      List<SiteQuantizer> quantizers,
      List<SiteSolution> solutions,
      Function<SiteSolution, Candidate> choice,
      Map<String, String> metadata) {
    return QuantizedModelWriter.write(
        settings.model(),
        QuantizedSites.of(settings.model(), settings.sites(), quantizers, solutions, choice),
        metadata);
  }
}
