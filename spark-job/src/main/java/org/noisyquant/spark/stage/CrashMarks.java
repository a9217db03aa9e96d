package org.noisyquant.spark.stage;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.Serializable;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.util.SerializableConfiguration;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Empty files that say which image each task works on, so that one whose process dies of it is
 * known by the mark that it left. What cannot be written or read is done without, with a warning.
 *
 * <p>A task that is tried for the first time leaves no marks: a run in which nothing dies pays for
 * one listing per task.
 *
 * @param folder of the marks, one file for each image in work: {@code DIGEST-UUID}
 * @param hadoop how to reach it
 * @param always whether tasks leave marks that are tried for the first time
 */
record CrashMarks(String folder, Broadcast<SerializableConfiguration> hadoop, boolean always)
    implements Serializable {
  private static final Logger LOG = LoggerFactory.getLogger(CrashMarks.class);

  /**
   * Marks in a folder.
   *
   * @param afterDeath whether an earlier run ended without a word. Where the driver is the executor
   *     this can be an image's doing, and there is no second attempt in the same run.
   */
  static CrashMarks in(JavaSparkContext spark, Path folder, boolean afterDeath) {
    return new CrashMarks(
        folder.toString(),
        spark.broadcast(new SerializableConfiguration(spark.hadoopConfiguration())),
        afterDeath && spark.isLocal());
  }

  /** How many marks there are of each image, by the digest of its content. */
  Map<String, Integer> counts() {
    Map<String, Integer> counts = new HashMap<>();
    try {
      for (FileStatus mark : files().listStatus(new Path(folder))) {
        counts.merge(mark.getPath().getName().split("-", 2)[0], 1, Integer::sum);
      }
    } catch (FileNotFoundException e) {
      // Nothing was marked yet.
    } catch (IOException e) {
      LOG.warn("{} cannot be listed ({}): images that crash are not known", folder, e.toString());
    }
    return counts;
  }

  /** Marks an image as in work. */
  Optional<Path> mark(String digest) {
    Path mark = new Path(folder, digest + "-" + UUID.randomUUID());
    try {
      files().create(mark, false).close();
      return Optional.of(mark);
    } catch (IOException e) {
      LOG.warn("{} cannot be written ({}): a crash will not be traced", mark, e.toString());
      return Optional.empty();
    }
  }

  /** Takes a mark away: its image is done. */
  void clear(Path mark) {
    try {
      files().delete(mark, false);
    } catch (IOException e) {
      LOG.warn("{} cannot be deleted: {}", mark, e.toString());
    }
  }

  private FileSystem files() throws IOException {
    return new Path(folder).getFileSystem(hadoop.value().value());
  }
}
