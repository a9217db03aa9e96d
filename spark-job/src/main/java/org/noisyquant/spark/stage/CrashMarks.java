package org.noisyquant.spark.stage;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.spark.SparkEnv;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.storage.BlockManagerId;
import org.apache.spark.util.SerializableConfiguration;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import scala.collection.Iterator;

/**
 * Empty files that say which image each task works on, so that one whose process dies of it is
 * known by the mark that it left. What cannot be written or read is done without, with a warning.
 *
 * <p>A task that is tried for the first time leaves no marks: a run in which nothing dies pays for
 * one listing per task.
 *
 * @param folder of the marks, one file for each image in work, see {@link CrashMark}
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

  /** All marks, of the living and of the dead. */
  List<CrashMark> list() {
    List<CrashMark> marks = new ArrayList<>();
    try {
      for (FileStatus mark : files().listStatus(new Path(folder))) {
        marks.add(CrashMark.of(mark.getPath().getName()));
      }
    } catch (FileNotFoundException e) {
      // Nothing was marked yet.
    } catch (IOException e) {
      LOG.warn("{} cannot be listed ({}): images that crash are not known", folder, e.toString());
    }
    return marks;
  }

  /**
   * How many processes died while they worked on an image. One that Spark has not yet given up may
   * live: a speculative copy of a task runs beside another try, and copies of an image can be in
   * work at a time.
   */
  int deaths(String digest) {
    // In this order: a mark that is still there after its process was gone was there at its end.
    Set<String> living = living();
    return CrashMark.deaths(list(), digest, living);
  }

  /** Marks an image as in work. */
  Optional<Path> mark(String digest) {
    SparkEnv env = SparkEnv.get();
    String process = CrashMark.process(env.conf().getAppId(), env.executorId());
    Path mark = new Path(folder, new CrashMark(digest, process).newName());
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

  /** Processes of this run that the driver has not seen end, itself among them. */
  private static Set<String> living() {
    SparkEnv env = SparkEnv.get();
    Set<String> living = new HashSet<>();
    Iterator<BlockManagerId> registered =
        env.blockManager().master().getMemoryStatus().keysIterator();
    while (registered.hasNext()) {
      living.add(CrashMark.process(env.conf().getAppId(), registered.next().executorId()));
    }
    return living;
  }

  private FileSystem files() throws IOException {
    return new Path(folder).getFileSystem(hadoop.value().value());
  }
}
