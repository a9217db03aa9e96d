package org.noisyquant.spark;

import org.apache.spark.sql.SparkSession;

/** In how many partitions images are read. */
final class Partitions {
  private Partitions() {}

  static int of(SparkSession spark, JobConfig config) {
    int given = config.job().partitions();
    return given > 0 ? given : spark.sparkContext().defaultParallelism();
  }
}
