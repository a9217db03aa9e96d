package org.noisyquant.spark.stage;

import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import org.apache.spark.Partitioner;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.noisyquant.stats.SiteStatistics;
import scala.Tuple2;

/**
 * Brings the statistics of each site together: one shuffle, after which each site has a partition
 * of its own. A task holds two statistics of its site at a time.
 *
 * <p>On RDDs: as a query, the same shuffle takes a job of its own for each of its two sides, and
 * Spark compiles code for both.
 */
final class SiteMerge {
  private SiteMerge() {}

  /**
   * Merges by site.
   *
   * @param rows of {@link StatisticsStage#MERGED}, of these sites, of any images, each of which is
   *     in one row of a site only
   * @param sites topological indices
   * @return one row per site that is there; partition i has the i-th smallest
   */
  static JavaRDD<Row> of(JavaRDD<Row> rows, List<Integer> sites) {
    return rows.mapToPair(row -> new Tuple2<>(row.getInt(0), row.<byte[]>getAs(1)))
        .partitionBy(new SitePartitioner(sites))
        .mapPartitions(SiteMerge::merged);
  }

  private static Iterator<Row> merged(Iterator<Tuple2<Integer, byte[]>> rows) {
    if (!rows.hasNext()) {
      return List.<Row>of().iterator();
    }
    Tuple2<Integer, byte[]> first = rows.next();
    byte[] bytes = first._2;
    if (rows.hasNext()) {
      SiteStatistics merged = SiteStatistics.fromBytes(bytes);
      while (rows.hasNext()) {
        merged.merge(SiteStatistics.fromBytes(rows.next()._2));
      }
      bytes = merged.toBytes();
    }
    return List.of(RowFactory.create(first._1, bytes)).iterator();
  }

  /** A partition for each site. */
  private static final class SitePartitioner extends Partitioner {
    private static final long serialVersionUID = 1L;

    private final int[] sites;

    SitePartitioner(List<Integer> sites) {
      this.sites = sites.stream().mapToInt(Integer::intValue).sorted().toArray();
    }

    @Override
    public int numPartitions() {
      return sites.length;
    }

    @Override
    public int getPartition(Object site) {
      return Arrays.binarySearch(sites, (Integer) site);
    }

    @Override
    public boolean equals(Object other) {
      return other instanceof SitePartitioner same && Arrays.equals(sites, same.sites);
    }

    @Override
    public int hashCode() {
      return Arrays.hashCode(sites);
    }
  }
}
