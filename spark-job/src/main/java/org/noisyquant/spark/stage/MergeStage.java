package org.noisyquant.spark.stage;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.countDistinct;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.min;
import static org.apache.spark.sql.functions.min_by;

import java.io.IOException;
import java.util.List;
import java.util.Set;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.noisyquant.error.ErrorCode;
import org.noisyquant.error.NoisyQuantException;
import org.noisyquant.result.StatisticsManifest;

/** Merges stored statistics of one model on different images; the order makes no difference. */
public final class MergeStage {
  private MergeStage() {}

  /**
   * Merges and writes.
   *
   * @param stored two or more
   * @param files the file system of the folder
   * @param folder a new one
   * @return of how many images the merged statistics are
   * @throws NoisyQuantException STATISTICS_INVALID if they are of different models, preprocessings,
   *     sites or held-out parts, if an image is in two of them, or if one is incomplete;
   *     INVALID_VALUE for fewer than two
   */
  public static long write(List<StoredStatistics> stored, FileSystem files, Path folder)
      throws IOException {
    if (stored.size() < 2) {
      throw new NoisyQuantException(
          ErrorCode.INVALID_VALUE,
          "statistics.merge (--statistics) names one folder, "
              + stored.get(0).folder()
              + "; two or more can be merged");
    }
    StatisticsManifest manifest = stored.get(0).manifest();
    for (StoredStatistics other : stored) {
      other.check(manifest, true);
      stored.get(0).check(other.manifest(), true);
      checkComplete(other);
    }
    checkDisjoint(stored);
    Dataset<Row> sites = union(stored.stream().map(StoredStatistics::sites).toList());
    Dataset<Row> images = union(stored.stream().map(StoredStatistics::imageRows).toList());
    JavaRDD<Row> merged = SiteMerge.of(sites.javaRDD(), sites(manifest));
    StoredStatistics.write(
        files,
        folder,
        manifest,
        sites.sparkSession().createDataFrame(merged, StatisticsStage.MERGED),
        images);
    return images.count();
  }

  private static void checkComplete(StoredStatistics stored) {
    List<Integer> wanted = sites(stored.manifest());
    List<Integer> found =
        stored.sites().select("site").distinct().as(Encoders.INT()).collectAsList();
    if (!Set.copyOf(found).equals(Set.copyOf(wanted))) {
      throw new NoisyQuantException(
          ErrorCode.STATISTICS_INVALID,
          "the statistics in "
              + stored.folder()
              + " are incomplete: "
              + found.size()
              + " of "
              + wanted.size()
              + " sites; calibrate again");
    }
  }

  private static List<Integer> sites(StatisticsManifest manifest) {
    return manifest.sites().stream().map(StatisticsManifest.Site::site).toList();
  }

  private static void checkDisjoint(List<StoredStatistics> stored) {
    Dataset<Row> images = null;
    for (int i = 0; i < stored.size(); i++) {
      Dataset<Row> rows =
          stored.get(i).imageRows().select(col("name"), col("digest"), lit(i).as("folder"));
      images = images == null ? rows : images.union(rows);
    }
    Dataset<Row> shared =
        images
            .groupBy("digest")
            .agg(
                countDistinct("folder").as("folders"),
                min("folder").as("first"),
                min_by(col("name"), col("folder")).as("name"))
            .filter("folders > 1");
    long count = shared.count();
    if (count > 0) {
      Row first = shared.orderBy("name").first();
      throw new NoisyQuantException(
          ErrorCode.STATISTICS_INVALID,
          count
              + " images are in more than one of the statistics and would count twice, such as "
              + first.getAs("name")
              + " of "
              + stored.get(first.<Integer>getAs("first")).folder()
              + "; merge statistics of different images only");
    }
  }

  private static Dataset<Row> union(List<Dataset<Row>> parts) {
    return parts.stream().reduce(Dataset::union).orElseThrow();
  }
}
