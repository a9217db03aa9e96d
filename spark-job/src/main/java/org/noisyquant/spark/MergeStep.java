package org.noisyquant.spark;

import java.io.IOException;
import java.util.List;
import java.util.Locale;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.SparkSession;
import org.noisyquant.spark.io.Metrics;
import org.noisyquant.spark.io.OutputFolder;
import org.noisyquant.spark.stage.MergeStage;
import org.noisyquant.spark.stage.StoredStatistics;

/** The work of {@code merge}. */
final class MergeStep implements JobStep {
  @Override
  public String run(SparkSession spark, JobConfig config, OutputFolder output, Metrics metrics)
      throws IOException {
    List<StoredStatistics> stored =
        config.statistics().merge().stream()
            .map(uri -> StoredStatistics.read(spark, uri, JobKey.STATISTICS_MERGE.toString()))
            .toList();
    long images =
        MergeStage.write(stored, output.fileSystem(), output.staging(StoredStatistics.FOLDER));
    int sites = stored.get(0).manifest().sites().size();
    metrics.put("images.merged", images);
    metrics.put("sites", (long) sites);
    return String.format(
        Locale.ROOT,
        "statistics of %d sites from %d images in %d folders: give --from-statistics %s",
        sites,
        images,
        stored.size(),
        new Path(output.folder(), StoredStatistics.FOLDER));
  }
}
