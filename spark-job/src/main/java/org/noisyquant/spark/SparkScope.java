package org.noisyquant.spark;

import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.Optional;
import org.apache.hadoop.conf.Configuration;
import org.apache.logging.log4j.Level;
import org.apache.logging.log4j.core.config.Configurator;
import org.apache.spark.SparkConf;
import org.apache.spark.sql.SparkSession;
import org.noisyquant.error.ErrorCode;
import org.noisyquant.error.NoisyQuantException;
import scala.Tuple2;

/**
 * The Spark session of one run: an active one if there is one, which is left running, or else our
 * own, which is stopped. What spark-submit or an embedding program has set is never overridden.
 */
final class SparkScope implements AutoCloseable {
  private static final String MASTER = "spark.master";
  private static final String HADOOP_PREFIX = "spark.hadoop.";

  private final SparkSession session;
  private final boolean ours;

  private SparkScope(SparkSession session, boolean ours) {
    this.session = session;
    this.ours = ours;
  }

  /**
   * Opens a session.
   *
   * @param master {@code --master}; empty: what spark-submit says, or else {@code local[*]}
   * @throws NoisyQuantException INVALID_VALUE if the master contradicts the one already set
   */
  static SparkScope open(Optional<String> master, boolean verbose) {
    Optional<SparkSession> active = active();
    SparkConf conf = active.map(s -> s.sparkContext().getConf()).orElseGet(SparkConf::new);
    if (conf.contains(MASTER)) {
      master.ifPresent(m -> checkSame(m, conf.get(MASTER)));
    } else {
      embed(conf, master.orElse("local[*]"), verbose);
    }
    conf.setIfMissing("spark.app.name", "noisyquant");
    return active
        .map(s -> new SparkScope(s, false))
        .orElseGet(() -> new SparkScope(SparkSession.builder().config(conf).getOrCreate(), true));
  }

  /** How the session of this process reaches file systems, also before it is open. */
  static Configuration hadoop() {
    return active()
        .map(session -> new Configuration(session.sparkContext().hadoopConfiguration()))
        .orElseGet(
            () -> {
              Configuration hadoop = new Configuration();
              for (Tuple2<String, String> entry : new SparkConf().getAll()) {
                if (entry._1().startsWith(HADOOP_PREFIX)) {
                  hadoop.set(entry._1().substring(HADOOP_PREFIX.length()), entry._2());
                }
              }
              return hadoop;
            });
  }

  SparkSession session() {
    return session;
  }

  @Override
  public void close() {
    if (ours) {
      session.stop();
    }
  }

  private static Optional<SparkSession> active() {
    scala.Option<SparkSession> running = SparkSession.getDefaultSession();
    return running.isDefined() && !running.get().sparkContext().isStopped()
        ? Optional.of(running.get())
        : Optional.empty();
  }

  private static void checkSame(String asked, String set) {
    if (!asked.equals(set)) {
      throw new NoisyQuantException(
          ErrorCode.INVALID_VALUE,
          "--master is "
              + asked
              + ", but Spark was started with spark.master = "
              + set
              + "; leave --master off");
    }
  }

  /** A Spark of our own: nothing but this program has configured it. */
  private static void embed(SparkConf conf, String master, boolean verbose) {
    conf.setMaster(master);
    if (master.equals("local") || master.startsWith("local[")) {
      conf.setIfMissing("spark.ui.enabled", "false");
      conf.setIfMissing("spark.driver.bindAddress", "127.0.0.1");
      conf.setIfMissing("spark.driver.host", "127.0.0.1");
      if (!verbose) {
        // They log each failed task with its stack trace; the error of the job says it once.
        Configurator.setLevel("org.apache.spark.executor.Executor", Level.OFF);
        Configurator.setLevel("org.apache.spark.scheduler.TaskSetManager", Level.OFF);
      }
    } else {
      jar().ifPresent(jar -> conf.setIfMissing("spark.jars", jar.toString()));
    }
  }

  /** The jar that executors need too; empty where the classes come from a folder. */
  private static Optional<Path> jar() {
    try {
      Path code =
          Path.of(SparkScope.class.getProtectionDomain().getCodeSource().getLocation().toURI());
      return code.toString().endsWith(".jar") ? Optional.of(code) : Optional.empty();
    } catch (URISyntaxException e) {
      throw new IllegalStateException("the place of this class is no file", e);
    }
  }
}
