package org.noisyquant.spark.stage;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.noisyquant.onnx.OnnxModel;
import org.noisyquant.quant.NoisyQuantizer;
import org.noisyquant.search.CandidateLoss;
import org.noisyquant.search.SiteDecision;
import org.noisyquant.search.SiteShortlist;
import org.noisyquant.stats.SumGrid;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Solves the sites on their statistics, and scores the short lists of all in one image pass. */
final class GuidedSearch implements Search {
  private static final Logger LOG = LoggerFactory.getLogger(GuidedSearch.class);
  private static final double NANOS = 1e9;

  private final Dataset<Row> images;
  private final CalibrationSettings settings;
  private final Supplier<List<SiteShortlist>> solve;
  private final ScoreStage score;

  /**
   * A search.
   *
   * @param solve gives the short lists, in the order of the sites
   */
  GuidedSearch(
      Dataset<Row> images,
      CalibrationSettings settings,
      Supplier<List<SiteShortlist>> solve,
      ScoreStage score) {
    this.images = images;
    this.settings = settings;
    this.solve = solve;
    this.score = score;
  }

  @Override
  public Outcome run(StatisticsResult statistics, List<SiteSummary> summaries) {
    long start = System.nanoTime();
    List<SiteShortlist> lists = solve.get();
    int listed = lists.stream().mapToInt(list -> list.choices().size()).sum();
    LOG.info(
        "solved {} sites on their statistics in {} s: {} candidates to score",
        lists.size(),
        seconds(start),
        listed + lists.size());
    start = System.nanoTime();
    ScoreStage.Scores scored = score.run(images, trials(lists, summaries));
    List<List<CandidateLoss>> losses = scored.losses();
    LOG.info("scored them on {} images in {} s", scored.contents().images(), seconds(start));
    ArrayList<SiteDecision> decisions = new ArrayList<>();
    ArrayList<CandidateScore> scores = new ArrayList<>();
    for (int i = 0; i < lists.size(); i++) {
      decisions.add(SiteDecision.of(lists.get(i), losses.get(i)));
      scores.addAll(CandidateScore.of(lists.get(i), losses.get(i)));
    }
    long dropped = decisions.stream().filter(SiteDecision::dropped).count();
    if (dropped > 0) {
      LOG.info("noise did not help on the held-out images and was dropped at {} sites", dropped);
    }
    return new Outcome(decisions, scores, scored.contents());
  }

  private List<SiteTrial> trials(List<SiteShortlist> lists, List<SiteSummary> summaries) {
    OnnxModel model = settings.model();
    List<SiteTrial> trials = new ArrayList<>();
    for (int i = 0; i < lists.size(); i++) {
      List<NoisyQuantizer> quantizers = new ArrayList<>();
      quantizers.add(lists.get(i).minMax().quantizer());
      lists.get(i).choices().forEach(choice -> quantizers.add(choice.quantizer()));
      SumGrid grid =
          summaries
              .get(i)
              .lossGrid(
                  quantizers,
                  score.objective().frobenius(settings.sites().get(i), model),
                  settings.search().prefixWeight());
      trials.add(new SiteTrial(quantizers, grid));
    }
    return trials;
  }

  private static String seconds(long start) {
    return String.format("%.1f", (System.nanoTime() - start) / NANOS);
  }
}
