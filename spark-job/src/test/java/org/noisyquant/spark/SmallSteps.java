package org.noisyquant.spark;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.PrintWriter;
import java.util.List;
import org.apache.spark.api.java.function.MapFunction;
import org.apache.spark.sql.Encoders;
import org.noisyquant.error.ErrorCode;
import org.noisyquant.error.NoisyQuantException;

/**
 * A program with small real work in place of calibration: it reads the images and counts bytes. Can
 * be given to spark-submit.
 */
public final class SmallSteps {
  private SmallSteps() {}

  /** Runs it. */
  public static void main(String[] args) {
    PrintWriter out = new PrintWriter(System.out, true, UTF_8);
    int exitCode =
        new NoisyQuantJob(commands(), out, new PrintWriter(System.err, true, UTF_8)).run(args);
    if (exitCode != 0) {
      System.exit(exitCode);
    }
  }

  static List<JobCommand> commands() {
    return List.of(new CalibrateCommand(countBytes()), new DemoCommand(countBytes()));
  }

  /**
   * Writes how many images there are and how many bytes; one that starts with a zero fails on the
   * executor.
   */
  static JobStep countBytes() {
    return (spark, config, output, metrics) -> {
      output.write("early.txt", "written before anything can fail".getBytes(UTF_8));
      MapFunction<org.apache.spark.sql.Row, Long> size =
          row -> {
            byte[] content = row.getAs("content");
            if (content[0] == 0) {
              throw new NoisyQuantException(
                  ErrorCode.IMAGE_UNREADABLE,
                  "cannot read image "
                      + row.getAs("path")
                      + ": damaged. Replace or remove the file");
            }
            return (long) content.length;
          };
      List<Long> sizes =
          spark
              .read()
              .format("binaryFile")
              .option("pathGlobFilter", "*.png")
              .load(config.images().path())
              .map(size, Encoders.LONG())
              .collectAsList();
      metrics.put("images.used", (long) sizes.size());
      spark.range(3).write().parquet(output.staging("layers.parquet").toString());
      long bytes = sizes.stream().mapToLong(Long::longValue).sum();
      output.write("count.txt", (sizes.size() + " images, " + bytes + " bytes").getBytes(UTF_8));
      metrics.put("counted.kl", 0.25);
      return sizes.size() + " images";
    };
  }
}
