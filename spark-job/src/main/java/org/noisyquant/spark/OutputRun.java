package org.noisyquant.spark;

import java.io.IOException;
import java.util.Locale;
import java.util.Optional;
import org.noisyquant.error.NoisyQuantException;
import org.noisyquant.spark.io.BuildVersion;
import org.noisyquant.spark.io.OutputFolder;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Runs a step between opening and committing its output folder. */
final class OutputRun {
  private static final Logger LOG = LoggerFactory.getLogger(OutputRun.class);

  private OutputRun() {}

  /**
   * Opens the folder, then Spark, runs the step, writes the metrics and commits.
   *
   * @throws NoisyQuantException of the step, after giving the folder up; GATE_FAILED after
   *     committing it; of {@link OutputFolder#open}
   */
  static void execute(JobStep step, JobConfig config, CommandArguments arguments, JobRun run)
      throws IOException {
    OnnxRuntimeNatives.check();
    // The folder first: a refused one must not cost the start of Spark.
    try (OutputFolder output =
            OutputFolder.open(
                SparkScope.hadoop(), config.output().path(), config.output().overwrite());
        SparkScope spark = SparkScope.open(arguments.master(), arguments.verbose())) {
      LOG.info(
          "noisyquant {} on Spark {} ({}), results to {}",
          BuildVersion.noisyquant(),
          spark.session().version(),
          spark.session().sparkContext().master(),
          output.folder());
      String summary = step.run(spark.session(), config, output, run.metrics());
      Optional<NoisyQuantException> gate = QualityGates.check(config.gates(), run.metrics());
      gate.map(Failure::of).ifPresentOrElse(run::failed, run::succeeded);
      output.write(OutputFolder.METRICS, run.metrics().toJson());
      output.commit();
      run.print(
          String.format(
              Locale.ROOT, "%s; %.1f s; results in %s", summary, run.seconds(), output.folder()));
      if (gate.isPresent()) {
        throw gate.get();
      }
    }
  }
}
