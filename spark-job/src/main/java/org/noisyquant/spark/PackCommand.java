package org.noisyquant.spark;

import java.util.EnumSet;
import java.util.List;
import java.util.Set;

/** {@code pack}: writes image files into one table. */
final class PackCommand {
  private static final String HELP =
      "Writes image files and their labels into one Parquet table, which --images of the other"
          + " commands takes: many small objects as few large ones.";

  private static final List<JobKey> KEYS =
      List.of(
          JobKey.IMAGES_PATH,
          JobKey.IMAGES_COUNT,
          JobKey.EVALUATION_LABELS,
          JobKey.EVALUATION_CLASSES,
          JobKey.OUTPUT_PATH,
          JobKey.OUTPUT_OVERWRITE,
          JobKey.SEED,
          JobKey.PARTITIONS);
  private static final Set<JobKey> REQUIRED = EnumSet.of(JobKey.IMAGES_PATH, JobKey.OUTPUT_PATH);

  private PackCommand() {}

  /** The command around its work. */
  static JobCommand of(JobStep step) {
    return new StepCommand("pack", HELP, KEYS, REQUIRED, step);
  }
}
