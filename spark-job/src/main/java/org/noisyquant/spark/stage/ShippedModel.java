package org.noisyquant.spark.stage;

import java.io.IOException;
import java.io.Serializable;
import java.nio.file.Files;
import java.nio.file.Path;
import org.apache.spark.SparkFiles;
import org.apache.spark.api.java.JavaSparkContext;
import org.noisyquant.error.ErrorCode;
import org.noisyquant.error.NoisyQuantException;

/**
 * An ONNX file that every executor has on its local disk, fetched once and named by its content.
 *
 * @param file name among Spark's files
 */
record ShippedModel(String file) implements Serializable {
  /** Gives a model to all executors, present and future. */
  static ShippedModel ship(JavaSparkContext spark, byte[] model) {
    String name = "noisyquant-" + ImageHash.digest(model) + ".onnx";
    boolean known = spark.sc().listFiles().exists(path -> path.endsWith("/" + name));
    if (!known) {
      try {
        Path folder = Files.createTempDirectory("noisyquant-model");
        Path file = folder.resolve(name);
        Files.write(file, model);
        spark.addFile(file.toUri().toString());
      } catch (IOException e) {
        throw new NoisyQuantException(
            ErrorCode.INTERNAL,
            "cannot write a model to the temporary folder (java.io.tmpdir): " + e.getMessage(),
            e);
      }
    }
    return new ShippedModel(name);
  }

  /** The local file, on the executor that asks. */
  Path path() {
    return Path.of(SparkFiles.get(file));
  }
}
