package org.noisyquant.spark.testing;

import org.apache.spark.sql.SparkSession;

/** One Spark session in this JVM for all tests: starting one takes longer than most tests. */
public final class LocalSpark {
  private static SparkSession shared;

  private LocalSpark() {}

  /** The shared session, master local[2], started where there is none. */
  public static synchronized SparkSession session() {
    if (shared == null || shared.sparkContext().isStopped()) {
      shared = start();
    }
    return shared;
  }

  /** Stops it, for tests that start their own: a JVM has one at a time. */
  public static synchronized void stop() {
    if (shared != null) {
      shared.stop();
    }
    SparkSession.clearDefaultSession();
    SparkSession.clearActiveSession();
  }

  private static SparkSession start() {
    SparkSession session =
        SparkSession.builder()
            .master("local[2]")
            .appName("noisyquant-tests")
            .config("spark.ui.enabled", false)
            .config("spark.sql.shuffle.partitions", 2)
            .config("spark.driver.bindAddress", "127.0.0.1")
            .config("spark.driver.host", "127.0.0.1")
            .config("spark.sql.warehouse.dir", System.getProperty("java.io.tmpdir"))
            .getOrCreate();
    session.sparkContext().setLogLevel("ERROR");
    return session;
  }
}
