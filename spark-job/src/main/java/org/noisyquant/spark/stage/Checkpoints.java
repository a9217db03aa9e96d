package org.noisyquant.spark.stage;

import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.ObjectInputFilter;
import java.io.ObjectInputStream;
import java.io.ObjectOutputStream;
import java.io.Serializable;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.SparkSession;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What a calibration has finished, kept for a run that does the same after it was cut off. Each
 * entry is named by a hash of all that its content depends on, so that a run with other settings
 * takes what is still true and nothing else; an entry is complete when its file {@code done} is
 * there. What cannot be written or read is computed, with a warning.
 */
public final class Checkpoints {
  private static final Logger LOG = LoggerFactory.getLogger(Checkpoints.class);
  private static final double NANOS = 1e9;
  private static final String DONE = "done";
  private static final String VALUE = "value";
  private static final String SITES = "sites.parquet";
  private static final String IMAGES = "images.parquet";
  private static final String CRASHES = "crashes";
  private static final int NAME_LENGTH = 16;

  /** Classes that entries are made of. */
  private static final ObjectInputFilter OURS =
      ObjectInputFilter.Config.createFilter(
          "org.noisyquant.**;java.lang.*;java.util.*;java.util.ImmutableCollections$*;"
              + "java.lang.invoke.SerializedLambda;!*");

  private final Optional<FileSystem> files;
  private final Path folder;
  private final String inputs;
  private final double leastSeconds;
  private final boolean afterDeath;
  private final List<String> resumed = new ArrayList<>();

  private Checkpoints(
      Optional<FileSystem> files,
      Path folder,
      String inputs,
      double leastSeconds,
      boolean afterDeath) {
    this.files = files;
    this.folder = folder;
    this.inputs = inputs;
    this.leastSeconds = leastSeconds;
    this.afterDeath = afterDeath;
  }

  /** Keeps nothing. */
  public static Checkpoints none() {
    return new Checkpoints(Optional.empty(), new Path("none"), "", 0, false);
  }

  /**
   * Keeps entries in a folder.
   *
   * @param inputs names what is computed on: the list of images
   * @param leastSeconds what took less is not kept
   * @param afterDeath whether the earlier run ended without a word
   */
  public static Checkpoints in(
      FileSystem files, Path folder, List<String> inputs, double leastSeconds, boolean afterDeath) {
    return new Checkpoints(
        Optional.of(files), folder, digest(String.join("\n", inputs)), leastSeconds, afterDeath);
  }

  /** Whether anything is kept. */
  boolean keep() {
    return files.isPresent();
  }

  /** Where tasks mark the images that they work on; empty if nothing is kept. */
  Optional<CrashMarks> crashes(JavaSparkContext spark) {
    return files.map(kept -> CrashMarks.in(spark, new Path(folder, CRASHES), afterDeath));
  }

  /** Names of the stages that were not computed again. */
  public List<String> resumed() {
    return List.copyOf(resumed);
  }

  /** Deletes all entries. */
  void discard() {
    resumed.clear();
    files.ifPresent(
        kept -> {
          try {
            kept.delete(folder, true);
          } catch (IOException e) {
            LOG.warn("{} cannot be deleted: {}", folder, e.getMessage());
          }
        });
  }

  /**
   * A value that was kept, or is computed and kept.
   *
   * @param stage for the name of the entry, and for people
   * @param key all that it depends on beside the inputs
   */
  <T extends Serializable> T value(
      String stage, String key, Class<T> type, Supplier<T> computation) {
    Path entry = entry(stage, key);
    Optional<T> kept = load(stage, entry, () -> type.cast(readValue(entry)));
    if (kept.isPresent()) {
      return kept.get();
    }
    long start = System.nanoTime();
    T value = computation.get();
    save(entry, start, path -> writeValue(path, value));
    return value;
  }

  /** Statistics that were kept, or are computed and kept; as {@link #value}. */
  StatisticsResult statistics(
      SparkSession spark,
      String stage,
      String key,
      List<SitePlan> plans,
      Supplier<StatisticsResult> computation) {
    Path entry = entry(stage, key);
    Optional<StatisticsResult> kept =
        load(stage, entry, () -> checked(readStatistics(spark, entry), plans));
    if (kept.isPresent()) {
      return kept.get();
    }
    long start = System.nanoTime();
    StatisticsResult statistics = computation.get();
    statistics.summaries(plans);
    if (save(entry, start, path -> writeStatistics(path, statistics))) {
      statistics.release();
      return readStatistics(spark, entry);
    }
    return statistics;
  }

  private Path entry(String stage, String key) {
    return new Path(folder, stage + "-" + digest(inputs + "\n" + key).substring(0, NAME_LENGTH));
  }

  private static String digest(String text) {
    return ImageHash.digest(text.getBytes(StandardCharsets.UTF_8));
  }

  private interface Reading<T> {
    T read() throws IOException;
  }

  private interface Writing {
    void write(Path entry) throws IOException;
  }

  private <T> Optional<T> load(String stage, Path entry, Reading<T> reading) {
    if (files.isEmpty()) {
      return Optional.empty();
    }
    try {
      if (!files.get().exists(new Path(entry, DONE))) {
        return Optional.empty();
      }
      T value = reading.read();
      LOG.info("{}: finished by an earlier run, taken from {}", stage, entry);
      resumed.add(stage);
      return Optional.of(value);
    } catch (Exception e) {
      // Whatever is wrong with it (Spark throws unchecked what is checked), it can be had anew.
      LOG.warn("{} cannot be used ({}): computed again", entry, e.toString());
      return Optional.empty();
    }
  }

  private boolean save(Path entry, long start, Writing writing) {
    if (files.isEmpty() || (System.nanoTime() - start) / NANOS < leastSeconds) {
      return false;
    }
    try {
      files.get().delete(entry, true);
      files.get().mkdirs(entry);
      writing.write(entry);
      files.get().create(new Path(entry, DONE), true).close();
      return true;
    } catch (Exception e) {
      LOG.warn(
          "{} cannot be kept ({}): if this run is cut off, the next computes it again",
          entry,
          e.toString());
      return false;
    }
  }

  private Object readValue(Path entry) throws IOException {
    try (ObjectInputStream in =
        new ObjectInputStream(
            new BufferedInputStream(files.orElseThrow().open(new Path(entry, VALUE))))) {
      in.setObjectInputFilter(OURS);
      return in.readObject();
    } catch (ClassNotFoundException e) {
      throw new IOException("written by another version of this program", e);
    }
  }

  private void writeValue(Path entry, Serializable value) throws IOException {
    try (ObjectOutputStream out =
        new ObjectOutputStream(
            new BufferedOutputStream(files.orElseThrow().create(new Path(entry, VALUE), true)))) {
      out.writeObject(value);
    }
  }

  private static StatisticsResult readStatistics(SparkSession spark, Path entry) {
    return new StatisticsResult(
        spark.read().schema(StatisticsStage.IMAGES).parquet(new Path(entry, IMAGES).toString()),
        spark.read().schema(StatisticsStage.MERGED).parquet(new Path(entry, SITES).toString()),
        List.of());
  }

  /** Reads all of them once: a damaged file is to be found here. */
  private static StatisticsResult checked(StatisticsResult statistics, List<SitePlan> plans) {
    statistics.summaries(plans);
    statistics.images();
    return statistics;
  }

  private static void writeStatistics(Path entry, StatisticsResult statistics) {
    statistics.sites().write().parquet(new Path(entry, SITES).toString());
    statistics.imageRows().write().parquet(new Path(entry, IMAGES).toString());
  }
}
