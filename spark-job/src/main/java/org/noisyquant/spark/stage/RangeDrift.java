package org.noisyquant.spark.stage;

import java.util.Comparator;
import java.util.List;
import org.apache.spark.api.java.function.MapFunction;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.noisyquant.stats.SiteStatistics;
import scala.Tuple2;

/**
 * How far the ranges of activations are from those of earlier images: at the site where they differ
 * most, the ratio of the magnitudes that 999 of 1000 values do not exceed, the larger to the
 * smaller, less 1.
 *
 * @param largest 0 where nothing moved
 * @param site the name of that site
 */
public record RangeDrift(double largest, String site) {
  private static final double SHARE = 0.999;

  /**
   * Compares statistics.
   *
   * @param sites (site, statistics)
   * @param earlier (site, statistics), of these sites at least
   * @param plans the sites, for their names
   */
  static RangeDrift between(Dataset<Row> sites, Dataset<Row> earlier, List<SitePlan> plans) {
    Tuple2<Integer, Double> most =
        sites
            .withColumnRenamed("statistics", "now")
            .join(earlier.withColumnRenamed("statistics", "before"), "site")
            .map(
                (MapFunction<Row, Tuple2<Integer, Double>>)
                    row ->
                        new Tuple2<>(
                            row.getAs("site"),
                            drift(magnitude(row, "now"), magnitude(row, "before"))),
                Encoders.tuple(Encoders.INT(), Encoders.DOUBLE()))
            .collectAsList()
            .stream()
            .min(
                Comparator.comparing((Tuple2<Integer, Double> site) -> -site._2)
                    .thenComparing(site -> site._1))
            .orElseThrow();
    String name =
        plans.stream()
            .filter(plan -> plan.site().index() == most._1)
            .findFirst()
            .orElseThrow()
            .site()
            .name();
    return new RangeDrift(most._2, name);
  }

  private static double magnitude(Row row, String column) {
    return SiteStatistics.fromBytes(row.getAs(column)).magnitude(SHARE);
  }

  private static double drift(double now, double before) {
    double smaller = Math.min(now, before);
    return now == before ? 0 : Math.max(now, before) / smaller - 1;
  }
}
