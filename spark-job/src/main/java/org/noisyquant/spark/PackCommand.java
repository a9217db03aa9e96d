package org.noisyquant.spark;

import java.io.IOException;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import picocli.CommandLine.Model.CommandSpec;

/** {@code pack}: writes image files into one table. */
final class PackCommand implements JobCommand {
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

  private final JobStep step;

  PackCommand(JobStep step) {
    this.step = step;
  }

  @Override
  public String name() {
    return "pack";
  }

  @Override
  public CommandSpec spec() {
    String help =
        "Writes image files and their labels into one Parquet table, which --images of the other"
            + " commands takes: many small objects as few large ones.";
    return CommandArguments.withMaster(
        CommandArguments.withConfig(CommandArguments.spec(name(), help, KEYS, REQUIRED)));
  }

  @Override
  public void run(CommandArguments arguments, JobRun run) throws IOException {
    OutputRun.execute(step, arguments.config(REQUIRED), arguments, run);
  }
}
