package org.noisyquant.spark;

import java.util.Locale;
import java.util.Optional;
import java.util.OptionalInt;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.SparkSession;
import org.noisyquant.spark.io.Metrics;
import org.noisyquant.spark.io.OutputFolder;
import org.noisyquant.spark.stage.ImageSource;
import org.noisyquant.spark.stage.Labels;
import org.noisyquant.spark.stage.PackStage;

/** The work of {@code pack}. */
final class PackStep implements JobStep {
  /** About 100 MB of photographs, the size of a block. */
  private static final int IMAGES_PER_FILE = 1000;

  private static final String TABLE = "images.parquet";

  @Override
  public String run(SparkSession spark, JobConfig config, OutputFolder output, Metrics metrics) {
    ImageSource all = ImageSource.list(spark, config.images().path());
    ImageSource images = ChosenImages.of(all, config);
    Optional<Labels> labels =
        LabelSource.of(
            config, all, OptionalInt.empty(), spark.sparkContext().hadoopConfiguration());
    int files = config.job().partitions();
    if (files == 0) {
      files = (images.names().size() + IMAGES_PER_FILE - 1) / IMAGES_PER_FILE;
    }
    Path table = output.staging(TABLE);
    long written = PackStage.write(images, labels, files, table.toString());
    metrics.put("images.packed", written);
    return String.format(
        Locale.ROOT,
        "%d images packed, %s labels: give --images %s",
        written,
        labels.isPresent() ? "with" : "without",
        new Path(output.folder(), TABLE));
  }
}
