package org.noisyquant.spark;

import java.io.IOException;
import java.util.Optional;
import picocli.CommandLine.Model.CommandSpec;

/** A subcommand of the command line. */
interface JobCommand {
  /** The word that calls it. */
  String name();

  /** Its help and flags. */
  CommandSpec spec();

  /**
   * Runs it.
   *
   * @param arguments what was given on the command line
   * @param run takes the metrics and what is printed
   * @throws org.noisyquant.error.NoisyQuantException what is expected to go wrong
   */
  void run(CommandArguments arguments, JobRun run) throws IOException;

  /** The output folder where nothing gives another; empty where one must be given. */
  default Optional<String> defaultOutput() {
    return Optional.empty();
  }
}
