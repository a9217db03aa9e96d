package org.noisyquant.spark;

import java.io.IOException;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import picocli.CommandLine.Model.CommandSpec;

/** {@code calibrate}: calibrates, exports and evaluates. */
final class CalibrateCommand implements JobCommand {
  private static final List<JobKey> KEYS =
      List.of(
          JobKey.MODEL_PATH,
          JobKey.PREPROCESSING,
          JobKey.IMAGES_PATH,
          JobKey.IMAGES_COUNT,
          JobKey.STATISTICS_PATH,
          JobKey.EVALUATION_PATH,
          JobKey.EVALUATION_LABELS,
          JobKey.EVALUATION_CLASSES,
          JobKey.OUTPUT_PATH,
          JobKey.OUTPUT_OVERWRITE,
          JobKey.WEIGHT_BITS,
          JobKey.ACTIVATION_BITS,
          JobKey.SCOPE,
          JobKey.INCLUDE,
          JobKey.EXCLUDE,
          JobKey.PRESET,
          JobKey.SEARCH_MODE,
          JobKey.SEARCH_OBJECTIVE,
          JobKey.SEARCH_TOKEN_FRACTION,
          JobKey.NOISE_KIND,
          JobKey.ROUNDING,
          JobKey.SEED,
          JobKey.PARTITIONS);
  static final Set<JobKey> REQUIRED =
      EnumSet.of(JobKey.MODEL_PATH, JobKey.IMAGES_PATH, JobKey.OUTPUT_PATH);

  private final JobStep step;

  CalibrateCommand(JobStep step) {
    this.step = step;
  }

  @Override
  public String name() {
    return "calibrate";
  }

  @Override
  public CommandSpec spec() {
    String help =
        "Searches the noisy biases of a vision transformer on images, writes the quantized model"
            + " and compares it with the FP32 model.";
    return CommandArguments.withDryRun(
        CommandArguments.withMaster(
            CommandArguments.withConfig(CommandArguments.spec(name(), help, KEYS, REQUIRED))));
  }

  /**
   * The configuration; images may be left out where there are statistics.
   *
   * @throws org.noisyquant.error.NoisyQuantException of {@link JobConfig#load}
   */
  private static JobConfig config(CommandArguments arguments) {
    JobConfig config = arguments.config(EnumSet.of(JobKey.MODEL_PATH, JobKey.OUTPUT_PATH));
    if (config.statistics().path().isEmpty()) {
      config.require(JobKey.IMAGES_PATH);
    }
    return config;
  }

  @Override
  public void run(CommandArguments arguments, JobRun run) throws IOException {
    JobConfig config = config(arguments);
    if (arguments.dryRun()) {
      DryRun.execute(config, arguments, run);
    } else {
      OutputRun.execute(step, config, arguments, run);
    }
  }
}
