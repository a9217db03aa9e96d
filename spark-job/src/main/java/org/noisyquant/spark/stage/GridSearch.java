package org.noisyquant.spark.stage;

import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.noisyquant.onnx.OnnxModel;
import org.noisyquant.quant.NoisyBias;
import org.noisyquant.search.Candidate;
import org.noisyquant.search.CandidateLoss;
import org.noisyquant.search.GridQuantizers;
import org.noisyquant.search.ScoredCandidate;
import org.noisyquant.search.SearchPass;
import org.noisyquant.search.SiteDecision;
import org.noisyquant.search.SiteQuantizer;
import org.noisyquant.search.SiteSolution;
import org.noisyquant.stats.SumGrid;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The paper's search: three image passes, each scoring all its candidates of all sites. */
final class GridSearch implements Search {
  private static final Logger LOG = LoggerFactory.getLogger(GridSearch.class);
  private static final double NANOS = 1e9;

  private final Dataset<Row> images;
  private final CalibrationSettings settings;
  private final ScoreStage stage;
  private ContentSum contents;

  GridSearch(Dataset<Row> images, CalibrationSettings settings, ScoreStage stage) {
    this.images = images;
    this.settings = settings;
    this.stage = stage;
  }

  @Override
  public Outcome run(StatisticsResult statistics, List<SiteSummary> summaries) {
    OnnxModel model = settings.model();
    List<SiteQuantizer> quantizers = new ArrayList<>();
    List<SumGrid> grids = new ArrayList<>();
    for (int i = 0; i < summaries.size(); i++) {
      SitePlan plan = settings.sites().get(i);
      SiteSummary summary = summaries.get(i);
      grids.add(summary.lossGrid(plan.activationBits(), stage.objective().frobenius(plan, model)));
      quantizers.add(
          new SiteQuantizer(
              plan.activationBits(),
              summary.absMax(),
              NoisyBias.unit(settings.seed(), plan.site().index(), plan.site().channels())));
    }
    Map<SearchPass, List<List<ScoredCandidate>>> scores = passes(quantizers, grids);
    ArrayList<SiteDecision> decisions = new ArrayList<>();
    ArrayList<CandidateScore> rows = new ArrayList<>();
    for (int i = 0; i < quantizers.size(); i++) {
      int site = settings.sites().get(i).site().index();
      SiteSolution solution =
          SiteSolution.of(
              site,
              summaries.get(i).absMax(),
              scores.get(SearchPass.CLIP).get(i),
              scores.get(SearchPass.SHIFT).get(i),
              scores.get(SearchPass.RANGE).get(i));
      decisions.add(SiteDecision.of(solution, quantizers.get(i)));
    }
    scores.forEach((pass, sites) -> addRows(rows, pass, sites));
    return new Outcome(decisions, rows, contents);
  }

  private void addRows(
      List<CandidateScore> rows, SearchPass pass, List<List<ScoredCandidate>> sites) {
    for (int i = 0; i < sites.size(); i++) {
      int site = settings.sites().get(i).site().index();
      for (int k = 0; k < sites.get(i).size(); k++) {
        ScoredCandidate s = sites.get(i).get(k);
        CandidateLoss loss = new CandidateLoss(s.loss(), s.heldOutLoss());
        rows.add(new CandidateScore(site, pass.name(), k, s.candidate(), Double.NaN, loss));
      }
    }
  }

  private Map<SearchPass, List<List<ScoredCandidate>>> passes(
      List<SiteQuantizer> quantizers, List<SumGrid> grids) {
    Map<SearchPass, List<List<ScoredCandidate>>> found = new EnumMap<>(SearchPass.class);
    List<Candidate> incumbents = new ArrayList<>();
    quantizers.forEach(q -> incumbents.add(Candidate.MIN_MAX));
    for (SearchPass pass : SearchPass.values()) {
      long start = System.nanoTime();
      List<List<Candidate>> candidates = new ArrayList<>();
      List<SiteTrial> trials = new ArrayList<>();
      for (int i = 0; i < quantizers.size(); i++) {
        candidates.add(pass.candidates(settings.search().grid(), incumbents.get(i)));
        trials.add(
            new SiteTrial(new GridQuantizers(quantizers.get(i), candidates.get(i)), grids.get(i)));
      }
      ScoreStage.Scores scores = stage.run(images, trials);
      contents = scores.contents();
      List<List<ScoredCandidate>> scored = scored(candidates, scores.losses());
      for (int i = 0; i < scored.size(); i++) {
        incumbents.set(i, SiteSolution.best(scored.get(i)).candidate());
      }
      found.put(pass, scored);
      LOG.info(
          "{} search: {} candidates of {} sites in {} s",
          pass.name().toLowerCase(Locale.ROOT),
          candidates.get(0).size(),
          trials.size(),
          String.format("%.1f", (System.nanoTime() - start) / NANOS));
    }
    return found;
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
}
