package org.noisyquant.spark;

import java.io.IOException;
import java.util.List;
import java.util.Set;
import picocli.CommandLine.Model.CommandSpec;

/**
 * A command that is nothing but a step with an output folder.
 *
 * @param name the word that calls it
 * @param help what it does
 * @param keys its flags
 * @param required those of the keys that must have a value
 * @param step its work
 */
record StepCommand(String name, String help, List<JobKey> keys, Set<JobKey> required, JobStep step)
    implements JobCommand {

  @Override
  public CommandSpec spec() {
    return CommandArguments.withMaster(
        CommandArguments.withConfig(CommandArguments.spec(name, help, keys, required)));
  }

  @Override
  public void run(CommandArguments arguments, JobRun run) throws IOException {
    OutputRun.execute(step, arguments.config(required), arguments, run);
  }
}
