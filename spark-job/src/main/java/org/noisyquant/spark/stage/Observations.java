package org.noisyquant.spark.stage;

import java.util.Optional;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;

/**
 * What a calibration knows its model by: images, statistics of others that were taken earlier, or
 * both.
 *
 * @param images rows of {@link ImageFile#SCHEMA}: name (unique string) and content (image file)
 * @param earlier statistics that are added to those of the images, or stand for them; candidates
 *     are scored on the images alone
 * @param reference statistics that ranges are compared with
 * @param checkpoints what an earlier run on the same images finished
 */
public record Observations(
    Optional<Dataset<Row>> images,
    Optional<StoredStatistics> earlier,
    Optional<StoredStatistics> reference,
    Checkpoints checkpoints) {

  /** Images alone. */
  public static Observations of(Dataset<Row> images) {
    return new Observations(
        Optional.of(images), Optional.empty(), Optional.empty(), Checkpoints.none());
  }
}
