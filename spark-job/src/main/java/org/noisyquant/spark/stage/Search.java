package org.noisyquant.spark.stage;

import java.util.List;
import org.noisyquant.search.SiteDecision;

/** Finds the quantizer and the noisy bias of every site. */
interface Search {
  /**
   * What was found.
   *
   * @param decisions one per site, in order
   * @param scores every candidate that was scored, by site
   */
  record Outcome(List<SiteDecision> decisions, List<CandidateScore> scores) {}

  /**
   * Searches.
   *
   * @param statistics of the sites
   * @param summaries of the statistics, in order
   */
  Outcome run(StatisticsResult statistics, List<SiteSummary> summaries);
}
