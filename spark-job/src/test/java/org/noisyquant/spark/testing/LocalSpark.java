package org.noisyquant.spark.testing;

import org.apache.spark.sql.SparkSession;

/** One Spark session in this JVM for all tests: starting one takes longer than most tests. */
public final class LocalSpark {
  private LocalSpark() {}

  /** The shared session, master local[2]; not to be stopped. */
  public static SparkSession session() {
    return Session.SHARED;
  }

  private static final class Session {
    static final SparkSession SHARED = start();

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
      session.sparkContext().setLogLevel("WARN");
      return session;
    }
  }
}
