package org.noisyquant.spark.stage;

import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.Serializable;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Set;
import org.apache.spark.SparkFiles;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.broadcast.Broadcast;
import org.noisyquant.error.ErrorCode;
import org.noisyquant.error.NoisyQuantException;
import org.noisyquant.onnx.OnnxFile;

/**
 * An ONNX model that every executor has on its local disk, fetched once and named by its content.
 *
 * <p>It is broadcast, so that executors take it from each other. Spark's own {@code addFile} would
 * have each of them load it from the driver, and in Spark 4.1 tasks of SQL queries do not see what
 * was added to the context.
 *
 * @param file its name among Spark's files
 * @param graph content of the file, read by executors that do not have it yet
 * @param dataFile name of its data file, empty if there is none
 * @param data content of the data file, likewise
 */
record ShippedModel(
    String file, Broadcast<byte[]> graph, String dataFile, List<Broadcast<byte[]>> data)
    implements Serializable {
  /** A channel keeps a buffer off the heap, as large as the largest write, for each thread. */
  private static final int PIECE = 1 << 20;

  /** Gives a model to all executors, present and future. */
  static ShippedModel ship(JavaSparkContext spark, OnnxFile model) {
    String dataFile = dataFile(model);
    return graph(spark, model, dataFile, data(spark, model));
  }

  /**
   * The same; what two models have in one and the same data file is not broadcast again.
   *
   * @param before a model that was shipped already
   */
  static ShippedModel ship(JavaSparkContext spark, OnnxFile model, ShippedModel before) {
    String dataFile = dataFile(model);
    return graph(
        spark,
        model,
        dataFile,
        dataFile.equals(before.dataFile) ? before.data : data(spark, model));
  }

  private static String dataFile(OnnxFile model) {
    return model.hasData() ? "noisyquant-" + model.dataDigest() + ".data" : "";
  }

  private static ShippedModel graph(
      JavaSparkContext spark, OnnxFile model, String dataFile, List<Broadcast<byte[]>> data) {
    return new ShippedModel(
        "noisyquant-" + model.sha256() + ".onnx",
        spark.broadcast(model.graph(dataFile)),
        dataFile,
        data);
  }

  private static List<Broadcast<byte[]>> data(JavaSparkContext spark, OnnxFile model) {
    if (!model.hasData()) {
      return List.of();
    }
    try (BroadcastStream out = new BroadcastStream(spark)) {
      model.writeData(out);
      return out.finish();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /**
   * The local file, beside its data file, on the executor that asks.
   *
   * @throws NoisyQuantException with {@link ErrorCode#INTERNAL} if it cannot be written
   */
  Path path() {
    Path path = Path.of(SparkFiles.get(file));
    synchronized (ShippedModel.class) {
      if (!dataFile.isEmpty()) {
        writeOnce(path.resolveSibling(dataFile), data);
      }
      writeOnce(path, List.of(graph));
    }
    return path;
  }

  /** Under another name first: executors of one host may share the folder. */
  private static void writeOnce(Path path, List<Broadcast<byte[]>> content) {
    if (Files.exists(path)) {
      return;
    }
    try {
      Path written =
          Files.createTempFile(
              path.toAbsolutePath().getParent(), path.getFileName().toString(), ".part");
      try (OutputStream out = new BufferedOutputStream(Files.newOutputStream(written))) {
        for (Broadcast<byte[]> part : content) {
          byte[] bytes = part.value();
          for (int at = 0; at < bytes.length; at += PIECE) {
            out.write(bytes, at, Math.min(PIECE, bytes.length - at));
          }
        }
      }
      Files.move(written, path, StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException e) {
      throw new NoisyQuantException(
          ErrorCode.INTERNAL,
          "cannot write a model to the executor's folder " + path.toAbsolutePath() + ": " + e,
          e);
    }
  }

  /**
   * Frees models on driver and executors; what needs them afterwards fails.
   *
   * @param models all that have a data file in common
   */
  static void release(ShippedModel... models) {
    Set<Broadcast<byte[]>> all = Collections.newSetFromMap(new IdentityHashMap<>());
    for (ShippedModel model : models) {
      all.add(model.graph);
      all.addAll(model.data);
    }
    all.forEach(Broadcast::destroy);
  }
}
