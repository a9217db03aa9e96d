package org.noisyquant.spark;

import java.io.IOException;
import org.apache.hadoop.conf.Configuration;

/** The work of {@code inspect}: reads a model, needs no Spark session and writes no file. */
@FunctionalInterface
public interface InspectStep {
  /**
   * Describes a model.
   *
   * @param config the checked configuration with a model path
   * @param hadoop how to reach the model
   * @param json whether as one JSON object instead of text
   * @return what to print, without the last line break
   */
  String describe(JobConfig config, Configuration hadoop, boolean json) throws IOException;
}
