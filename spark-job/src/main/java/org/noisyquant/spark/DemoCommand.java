package org.noisyquant.spark;

import java.io.IOException;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.apache.hadoop.fs.Path;
import picocli.CommandLine.Model.CommandSpec;

/** {@code demo}: {@code calibrate} on the model and images that come with the program. */
final class DemoCommand implements JobCommand {
  private static final String DEFAULT_OUTPUT = "noisyquant-demo";
  private static final List<JobKey> KEYS =
      List.of(
          JobKey.OUTPUT_PATH, JobKey.OUTPUT_OVERWRITE, JobKey.WEIGHT_BITS, JobKey.ACTIVATION_BITS);
  static final Set<JobKey> REQUIRED = EnumSet.of(JobKey.OUTPUT_PATH);

  private final JobStep calibrate;

  /** Runs the step of {@link CalibrateCommand}. */
  DemoCommand(JobStep calibrate) {
    this.calibrate = calibrate;
  }

  @Override
  public String name() {
    return "demo";
  }

  @Override
  public CommandSpec spec() {
    String help =
        "Calibrates the bundled vision transformer on the bundled Fashion-MNIST images and"
            + " evaluates it. Model and images are left in the folder input of the output folder"
            + " (default: "
            + DEFAULT_OUTPUT
            + ").";
    return CommandArguments.withMaster(CommandArguments.spec(name(), help, KEYS, Set.of()));
  }

  @Override
  public Optional<String> defaultOutput() {
    return Optional.of(DEFAULT_OUTPUT);
  }

  @Override
  public void run(CommandArguments arguments, JobRun run) throws IOException {
    Map<JobKey, Object> flags = arguments.flags();
    flags.putIfAbsent(JobKey.OUTPUT_PATH, DEFAULT_OUTPUT);
    String input = flags.get(JobKey.OUTPUT_PATH) + "/input";
    flags.put(JobKey.MODEL_PATH, input + "/" + DemoBundle.MODEL);
    flags.put(JobKey.IMAGES_PATH, input + "/" + DemoBundle.CALIBRATION);
    flags.put(JobKey.EVALUATION_PATH, input + "/" + DemoBundle.EVALUATION);
    JobStep unpackAndCalibrate =
        (spark, config, output, metrics) -> {
          DemoBundle.unpack(output.fileSystem(), new Path(output.folder(), "input"));
          return calibrate.run(spark, config, output, metrics);
        };
    OutputRun.execute(unpackAndCalibrate, arguments.config(REQUIRED), arguments, run);
  }
}
