package org.noisyquant.spark.stage;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.List;
import org.noisyquant.search.SiteDecision;

/** Finds the quantizer and the noisy bias of every site. */
interface Search {
  /**
   * What was found.
   *
   * @param decisions one per site, in order
   * @param scores every candidate that was scored, by site
   * @param contents the images that they were scored on; null without images
   */
  record Outcome(
      ArrayList<SiteDecision> decisions, ArrayList<CandidateScore> scores, ContentSum contents)
      implements Serializable {}

  /**
   * Searches.
   *
   * @param statistics of the sites
   * @param summaries of the statistics, in order
   */
  Outcome run(StatisticsResult statistics, List<SiteSummary> summaries);
}
