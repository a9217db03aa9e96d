package org.noisyquant.spark.stage;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.storage.StorageLevel;
import org.noisyquant.error.ErrorCode;
import org.noisyquant.error.NoisyQuantException;

/** Statistics of all sites, on the executors' disks until released, or where they were stored. */
final class StatisticsResult {
  private final Dataset<Row> imageRows;
  private final Dataset<Row> sites;
  private final List<JavaRDD<Row>> cached;
  private List<SiteSummary> summaries;

  /**
   * Statistics.
   *
   * @param imageRows (name, digest, part, reason): one row per image; reason only where it could
   *     not be read
   * @param sites (site, statistics): one row per site
   * @param cached what is released
   */
  StatisticsResult(Dataset<Row> imageRows, Dataset<Row> sites, List<JavaRDD<Row>> cached) {
    this.imageRows = imageRows;
    this.sites = sites;
    this.cached = List.copyOf(cached);
  }

  /** (name, digest, part, reason). */
  Dataset<Row> imageRows() {
    return imageRows;
  }

  /** (site, statistics). */
  Dataset<Row> sites() {
    return sites;
  }

  /** Stored statistics of the planned sites. */
  static StatisticsResult of(StoredStatistics stored, List<SitePlan> plans) {
    Object[] wanted = SitePlan.indices(plans).toArray();
    return new StatisticsResult(
        stored.imageRows(),
        stored.sites().filter(stored.sites().col("site").isin(wanted)),
        List.of());
  }

  /**
   * All of them together.
   *
   * @param parts one or more, of different images
   * @param plans their sites
   */
  static StatisticsResult sum(List<StatisticsResult> parts, List<SitePlan> plans) {
    if (parts.size() == 1) {
      return parts.get(0);
    }
    Dataset<Row> all = parts.stream().map(part -> part.sites).reduce(Dataset::union).orElseThrow();
    JavaRDD<Row> merged = SiteMerge.of(all.javaRDD(), SitePlan.indices(plans));
    merged.persist(StorageLevel.DISK_ONLY());
    List<JavaRDD<Row>> cached = new ArrayList<>();
    parts.forEach(part -> cached.addAll(part.cached));
    cached.add(merged);
    return new StatisticsResult(
        parts.stream().map(part -> part.imageRows).reduce(Dataset::union).orElseThrow(),
        all.sparkSession().createDataFrame(merged, StatisticsStage.MERGED),
        cached);
  }

  /**
   * Summaries in the order of the sites. The first call computes the statistics, if they are not
   * there yet.
   *
   * @throws NoisyQuantException STATISTICS_INVALID if they are not those of the planned sites
   */
  List<SiteSummary> summaries(List<SitePlan> plans) {
    if (summaries == null) {
      summaries = collect(plans);
    }
    return summaries;
  }

  private List<SiteSummary> collect(List<SitePlan> plans) {
    List<SiteSummary> all =
        sites.javaRDD().map(StatisticsStage::summary).collect().stream()
            .sorted(Comparator.comparingInt(SiteSummary::site))
            .toList();
    List<Integer> found = all.stream().map(SiteSummary::site).toList();
    List<Integer> planned = SitePlan.indices(plans);
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
    return all;
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
    cached.forEach(JavaRDD::unpersist);
  }
}
