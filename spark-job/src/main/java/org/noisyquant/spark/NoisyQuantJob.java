package org.noisyquant.spark;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.hadoop.fs.Path;
import org.apache.logging.log4j.Level;
import org.apache.logging.log4j.core.config.Configurator;
import org.noisyquant.error.ErrorCode;
import org.noisyquant.spark.io.FailedRun;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParseResult;

/**
 * The program: {@code spark-submit --class org.noisyquant.spark.NoisyQuantJob JAR COMMAND FLAGS}.
 * Results go to standard output, all else to standard error. Exit codes are those of {@link
 * ErrorCode}.
 */
public final class NoisyQuantJob {
  private static final Logger LOG = LoggerFactory.getLogger(NoisyQuantJob.class);

  private static final int SECONDS_TO_END = 10;

  private final List<JobCommand> commands;
  private final PrintWriter out;
  private final PrintWriter err;

  NoisyQuantJob(List<JobCommand> commands, PrintWriter out, PrintWriter err) {
    this.commands = List.copyOf(commands);
    this.out = out;
    this.err = err;
  }

  /** Runs one command and exits with its code. */
  public static void main(String[] args) {
    PrintWriter out = new PrintWriter(System.out, true, StandardCharsets.UTF_8);
    PrintWriter err = new PrintWriter(System.err, true, StandardCharsets.UTF_8);
    CountDownLatch ended = new CountDownLatch(1);
    Runtime.getRuntime().addShutdownHook(new Thread(() -> await(ended), "noisyquant-end"));
    int exitCode = new NoisyQuantJob(commands(), out, err).run(args);
    ended.countDown();
    // Only a failure exits: on YARN any exit of ours before Spark's own counts as one.
    if (exitCode != 0) {
      System.exit(exitCode);
    }
  }

  /** After a signal, which stops Spark at once, the run still says why it ends. */
  private static void await(CountDownLatch ended) {
    try {
      boolean said = ended.await(SECONDS_TO_END, TimeUnit.SECONDS);
      LOG.debug("the run has ended: {}", said);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** The commands, each with its work: the one place that says what there is. */
  static List<JobCommand> commands() {
    JobStep calibrate = new CalibrateStep();
    return List.of(
        new CalibrateCommand(calibrate),
        EvaluateCommand.of(new EvaluateStep()),
        new InspectCommand(new ModelInspection()),
        PackCommand.of(new PackStep()),
        MergeCommand.of(new MergeStep()),
        new DemoCommand(calibrate));
  }

  /** Runs one command and returns the exit code; never throws. */
  int run(String... args) {
    JobRun run = new JobRun(out);
    Optional<JobCommand> command = named(args);
    try {
      command.ifPresent(c -> run.metrics().put("command", c.name()));
      CommandLine commandLine = commandLine();
      ParseResult parsed = CommandLineErrors.parse(commandLine, args);
      if (CommandLine.executeHelpRequest(parsed) == null) {
        CommandArguments arguments = CommandArguments.of(parsed.subcommand());
        if (arguments.verbose()) {
          Configurator.setLevel("org.noisyquant", Level.DEBUG);
        }
        command.orElseThrow().run(arguments, run);
      }
      return 0;
    } catch (Throwable thrown) {
      Failure failure = Failure.of(thrown);
      err.println("ERROR " + failure.code() + ": " + failure.message());
      if (failure.exitCode() == ErrorCode.INTERNAL.exitCode() || verbose(args)) {
        thrown.printStackTrace(err);
      }
      run.failed(failure);
      // A gate fails on finished results, which have their metrics; a dry run writes nothing.
      if (failure.code() != ErrorCode.GATE_FAILED && !given(CommandArguments.DRY_RUN, args)) {
        command.ifPresent(c -> writeMetrics(c, run, args));
      }
      err.flush();
      return failure.exitCode();
    }
  }

  /** The parser of all commands. */
  CommandLine commandLine() {
    CommandSpec root = CommandSpec.create().name("noisyquant").mixinStandardHelpOptions(true);
    root.versionProvider(new Version());
    root.usageMessage()
        .description(
            "Quantizes ONNX vision transformers with NoisyQuant, calibrated on Apache Spark.", "")
        .synopsisSubcommandLabel("COMMAND")
        .commandListHeading("%nCommands (COMMAND --help explains each):%n")
        .footer(
            "",
            "Exit codes: 0 done, 1 internal error, 2 configuration, 3 model or images,",
            "4 a quality gate failed.")
        .width(100);
    for (JobCommand command : commands) {
      root.addSubcommand(command.name(), command.spec());
    }
    return new CommandLine(root).setOut(out).setErr(err);
  }

  private Optional<JobCommand> named(String... args) {
    return commands.stream().filter(c -> args.length > 0 && c.name().equals(args[0])).findFirst();
  }

  private static boolean verbose(String... args) {
    return given(CommandArguments.VERBOSE, args) || given(CommandArguments.VERBOSE_SHORT, args);
  }

  private static boolean given(String flag, String... args) {
    return Arrays.asList(args).contains(flag);
  }

  private void writeMetrics(JobCommand command, JobRun run, String... args) {
    if (!command.spec().optionsMap().containsKey(JobKey.OUTPUT_PATH.flag())) {
      return;
    }
    Optional<String> output = RequestedOutput.of(args).or(command::defaultOutput);
    if (output.isEmpty()) {
      err.println("no metrics are written: no output folder is known");
      return;
    }
    try {
      Path file = FailedRun.writeMetrics(SparkScope.hadoop(), output.get(), run.metrics());
      err.println("metrics of the failed run: " + file);
    } catch (IOException | RuntimeException e) {
      err.println("the metrics of the failed run cannot be written: " + e.getMessage());
    }
  }
}
