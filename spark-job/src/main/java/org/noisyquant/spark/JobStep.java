package org.noisyquant.spark;

import java.io.IOException;
import org.apache.spark.sql.SparkSession;
import org.noisyquant.spark.io.Metrics;
import org.noisyquant.spark.io.OutputFolder;

/** The work of a command that writes results, without the shell around it. */
@FunctionalInterface
public interface JobStep {
  /**
   * Does the work. The caller opens and stops Spark, and commits the output folder or gives it up.
   *
   * @param spark the session to use
   * @param config the checked configuration, nothing required missing
   * @param output where results go; the step writes all but {@code metrics.json}, commits nothing
   * @param metrics takes the numbers of the run, also those that are known before it fails
   * @return one line for people that sums up the result
   * @throws org.noisyquant.error.NoisyQuantException what is expected to go wrong
   */
  String run(SparkSession spark, JobConfig config, OutputFolder output, Metrics metrics)
      throws IOException;
}
