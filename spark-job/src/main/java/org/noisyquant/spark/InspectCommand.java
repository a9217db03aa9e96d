package org.noisyquant.spark;

import java.io.IOException;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import picocli.CommandLine.Model.CommandSpec;

/** {@code inspect}: says what would be quantized; writes nothing. */
final class InspectCommand implements JobCommand {
  private static final List<JobKey> KEYS = List.of(JobKey.MODEL_PATH, JobKey.PREPROCESSING);
  private static final Set<JobKey> REQUIRED = EnumSet.of(JobKey.MODEL_PATH);

  private final InspectStep step;

  InspectCommand(InspectStep step) {
    this.step = step;
  }

  @Override
  public String name() {
    return "inspect";
  }

  @Override
  public CommandSpec spec() {
    String help =
        "Lists what can be quantized in a model, what cannot and why, and the memory that it takes."
            + " Needs no images, writes nothing.";
    return CommandArguments.withJson(
        CommandArguments.withConfig(CommandArguments.spec(name(), help, KEYS, REQUIRED)));
  }

  @Override
  public void run(CommandArguments arguments, JobRun run) throws IOException {
    run.print(step.describe(arguments.config(REQUIRED), SparkScope.hadoop(), arguments.json()));
  }
}
