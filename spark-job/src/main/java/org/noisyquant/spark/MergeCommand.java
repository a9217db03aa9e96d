package org.noisyquant.spark;

import java.util.EnumSet;
import java.util.List;
import java.util.Set;

/** {@code merge}: adds statistics of several calibrations up. */
final class MergeCommand {
  private static final String HELP =
      "Merges the statistics of calibrations of one model on different images (days, regions,"
          + " shards) into those of all of them, for --from-statistics.";

  private static final List<JobKey> KEYS =
      List.of(JobKey.STATISTICS_MERGE, JobKey.OUTPUT_PATH, JobKey.OUTPUT_OVERWRITE);
  private static final Set<JobKey> REQUIRED =
      EnumSet.of(JobKey.STATISTICS_MERGE, JobKey.OUTPUT_PATH);

  private MergeCommand() {}

  /** The command around its work. */
  static JobCommand of(JobStep step) {
    return new StepCommand("merge", HELP, KEYS, REQUIRED, step);
  }
}
