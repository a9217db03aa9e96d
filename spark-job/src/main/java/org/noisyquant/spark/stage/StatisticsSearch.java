package org.noisyquant.spark.stage;

import java.util.ArrayList;
import java.util.List;
import org.noisyquant.search.SiteDecision;

/** Solves the sites on their statistics and decides on what these predict, without images. */
record StatisticsSearch(SolveStage solve) implements Search {
  @Override
  public Outcome run(StatisticsResult statistics, List<SiteSummary> summaries) {
    ArrayList<SiteDecision> decisions = new ArrayList<>();
    ArrayList<CandidateScore> scores = new ArrayList<>();
    for (SolveStage.Predicted site : solve.predict(statistics)) {
      decisions.add(SiteDecision.of(site.list(), site.losses()));
      scores.addAll(CandidateScore.of(site.list(), site.losses()));
    }
    return new Outcome(decisions, scores, null);
  }
}
