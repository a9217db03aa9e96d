package org.noisyquant.spark.stage;

import java.util.Comparator;
import java.util.List;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;

/**
 * Statistics of all sites, on the executors' disks until released.
 *
 * @param pass rows of the pass, cached
 * @param imageRows (name, digest, part, reason): one row per image; reason only where it could not
 *     be read
 * @param sites (site, statistics): one row per site, cached
 */
record StatisticsResult(Dataset<Row> pass, Dataset<Row> imageRows, Dataset<Row> sites) {
  /** Summaries in the order of the sites. */
  List<SiteSummary> summaries() {
    return sites.javaRDD().map(StatisticsStage::summary).collect().stream()
        .sorted(Comparator.comparingInt(SiteSummary::site))
        .toList();
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
    sites.unpersist();
    pass.unpersist();
  }
}
