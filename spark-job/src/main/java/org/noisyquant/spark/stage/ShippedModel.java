package org.noisyquant.spark.stage;

import java.io.IOException;
import java.io.Serializable;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import org.apache.spark.SparkFiles;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.broadcast.Broadcast;
import org.noisyquant.error.ErrorCode;
import org.noisyquant.error.NoisyQuantException;

/**
 * An ONNX file that every executor has on its local disk, fetched once and named by its content.
 *
 * <p>It is broadcast, so that executors take it from each other. Spark's own {@code addFile} would
 * have each of them load it from the driver, and in Spark 4.1 tasks of SQL queries do not see what
 * was added to the context.
 *
 * @param file its name among Spark's files
 * @param content read by executors that do not have the file yet
 */
record ShippedModel(String file, Broadcast<byte[]> content) implements Serializable {
  /** Gives a model to all executors, present and future. */
  static ShippedModel ship(JavaSparkContext spark, byte[] model) {
    return new ShippedModel(
        "noisyquant-" + ImageHash.digest(model) + ".onnx", spark.broadcast(model));
  }

  /**
   * The local file, on the executor that asks.
   *
   * @throws NoisyQuantException with {@link ErrorCode#INTERNAL} if it cannot be written
   */
  Path path() {
    Path path = Path.of(SparkFiles.get(file));
    synchronized (ShippedModel.class) {
      if (!Files.exists(path)) {
        write(path);
      }
    }
    return path;
  }

  /** Under another name first: executors of one host may share the folder. */
  private void write(Path path) {
    try {
      Path written = Files.createTempFile(path.toAbsolutePath().getParent(), file, ".part");
      Files.write(written, content.value());
      Files.move(written, path, StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException e) {
      throw new NoisyQuantException(
          ErrorCode.INTERNAL,
          "cannot write a model to the executor's folder " + path.toAbsolutePath() + ": " + e,
          e);
    }
  }

  /** Frees it on driver and executors; what needs it afterwards fails. */
  void release() {
    content.destroy();
  }
}
