package org.noisyquant.spark;

import java.io.IOException;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import picocli.CommandLine.Model.CommandSpec;

/** {@code evaluate}: compares quantized models with the FP32 model. */
final class EvaluateCommand implements JobCommand {
  private static final List<JobKey> KEYS =
      List.of(
          JobKey.MODEL_PATH,
          JobKey.EVALUATION_MODELS,
          JobKey.PREPROCESSING,
          JobKey.IMAGES_PATH,
          JobKey.EVALUATION_LABELS,
          JobKey.EVALUATION_CLASSES,
          JobKey.OUTPUT_PATH,
          JobKey.OUTPUT_OVERWRITE,
          JobKey.SEED,
          JobKey.PARTITIONS);
  private static final Set<JobKey> REQUIRED =
      EnumSet.of(
          JobKey.MODEL_PATH, JobKey.EVALUATION_MODELS, JobKey.IMAGES_PATH, JobKey.OUTPUT_PATH);

  private final JobStep step;

  EvaluateCommand(JobStep step) {
    this.step = step;
  }

  @Override
  public String name() {
    return "evaluate";
  }

  @Override
  public CommandSpec spec() {
    String help =
        "Compares quantized models with the FP32 model on images: agreement, KL divergence, SQNR,"
            + " and accuracy where there are labels.";
    return CommandArguments.withMaster(
        CommandArguments.withConfig(CommandArguments.spec(name(), help, KEYS, REQUIRED)));
  }

  @Override
  public void run(CommandArguments arguments, JobRun run) throws IOException {
    OutputRun.execute(step, arguments.config(REQUIRED), arguments, run);
  }
}
