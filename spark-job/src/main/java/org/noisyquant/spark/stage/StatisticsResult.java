package org.noisyquant.spark.stage;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.noisyquant.error.ErrorCode;
import org.noisyquant.error.NoisyQuantException;

/**
 * Statistics of all sites, on the executors' disks until released, or where they were stored.
 *
 * @param imageRows (name, digest, part, reason): one row per image; reason only where it could not
 *     be read
 * @param sites (site, statistics): one row per site
 * @param cached what is released
 */
record StatisticsResult(Dataset<Row> imageRows, Dataset<Row> sites, List<Dataset<Row>> cached) {
  /** Stored statistics of the planned sites. */
  static StatisticsResult of(StoredStatistics stored, List<SitePlan> plans) {
    Object[] wanted = plans.stream().map(plan -> plan.site().index()).toArray();
    return new StatisticsResult(
        stored.imageRows(),
        stored.sites().filter(stored.sites().col("site").isin(wanted)),
        List.of());
  }

  /**
   * All of them together.
   *
   * @param parts one or more, of different images
   * @param siteCount how many sites they have
   */
  static StatisticsResult sum(List<StatisticsResult> parts, int siteCount) {
    if (parts.size() == 1) {
      return parts.get(0);
    }
    Dataset<Row> merged =
        StatisticsStage.merge(
            parts.stream().map(StatisticsResult::sites).reduce(Dataset::union).orElseThrow(),
            siteCount);
    List<Dataset<Row>> all = new ArrayList<>();
    parts.forEach(part -> all.addAll(part.cached));
    all.add(merged);
    return new StatisticsResult(
        parts.stream().map(StatisticsResult::imageRows).reduce(Dataset::union).orElseThrow(),
        merged,
        all);
  }

  /**
   * Summaries in the order of the sites.
   *
   * @throws NoisyQuantException STATISTICS_INVALID if they are not those of the planned sites
   */
  List<SiteSummary> summaries(List<SitePlan> plans) {
    List<SiteSummary> summaries =
        sites.javaRDD().map(StatisticsStage::summary).collect().stream()
            .sorted(Comparator.comparingInt(SiteSummary::site))
            .toList();
    List<Integer> found = summaries.stream().map(SiteSummary::site).toList();
    List<Integer> planned = plans.stream().map(plan -> plan.site().index()).toList();
    if (!found.equals(planned)) {
      Set<Integer> missing = new HashSet<>(planned);
      found.forEach(missing::remove);
      throw new NoisyQuantException(
          ErrorCode.STATISTICS_INVALID,
          "stored statistics are incomplete: "
              + found.size()
              + " rows for "
              + planned.size()
              + " sites, without sites "
              + missing
              + "; calibrate again");
    }
    return summaries;
  }

  /** One row per image, sorted by name. */
  List<Row> images() {
    // Sorted here: to sort in Spark, where they do not stay, would take two more jobs.
    return imageRows.collectAsList().stream()
        .sorted(
            Comparator.comparing((Row row) -> row.<String>getAs("name"))
                .thenComparing(
                    row -> row.<String>getAs("digest"),
                    Comparator.nullsFirst(Comparator.naturalOrder())))
        .toList();
  }

  /** Frees the disks. */
  void release() {
    cached.forEach(Dataset::unpersist);
  }
}
