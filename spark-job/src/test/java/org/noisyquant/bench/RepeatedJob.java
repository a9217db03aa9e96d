package org.noisyquant.bench;

import java.util.Arrays;
import org.noisyquant.spark.NoisyQuantJob;

/**
 * Runs the same command several times in one JVM, each with a Spark session of its own: from the
 * second time on classes are loaded and code is compiled.
 *
 * <p>Arguments: {@code TIMES COMMAND FLAGS}.
 */
public final class RepeatedJob {
  private RepeatedJob() {}

  /** Runs; ends with the exit code of the first run that fails. */
  public static void main(String[] args) {
    for (int run = 0; run < Integer.parseInt(args[0]); run++) {
      NoisyQuantJob.main(Arrays.copyOfRange(args, 1, args.length));
    }
  }
}
