package org.noisyquant.spark.stage;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.lit;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.noisyquant.error.ErrorCode;
import org.noisyquant.error.NoisyQuantException;
import org.noisyquant.result.StatisticsManifest;
import org.noisyquant.spark.io.HadoopFiles;

/**
 * The statistics of a finished calibration: {@code manifest.json}, {@code sites.parquet} (site,
 * statistics) and {@code images.parquet} (name, digest, part).
 *
 * @param folder where they are
 * @param manifest what they were taken of
 * @param sites (site, statistics): one row per site
 * @param imageRows (name, digest, part, reason): one row per image, the reason null
 */
public record StoredStatistics(
    String folder, StatisticsManifest manifest, Dataset<Row> sites, Dataset<Row> imageRows) {
  /** Name of the folder among the results of a calibration. */
  public static final String FOLDER = "statistics";

  private static final String MANIFEST = "manifest.json";
  private static final String SITES = "sites.parquet";
  private static final String IMAGES = "images.parquet";

  private static final StructType IMAGE_COLUMNS =
      new StructType()
          .add("name", DataTypes.StringType)
          .add("digest", DataTypes.StringType)
          .add("part", DataTypes.StringType);

  /**
   * Finds stored statistics; their contents are read where they are used.
   *
   * @param uri their folder, or that of the results that they are among
   * @param key what gave it, for messages
   * @throws NoisyQuantException STATISTICS_INVALID if there are none, or they cannot be read
   */
  public static StoredStatistics read(SparkSession spark, String uri, String key) {
    Configuration hadoop = spark.sparkContext().hadoopConfiguration();
    String folder = uri;
    String json;
    try {
      folder = folder(hadoop, uri);
      json = new String(HadoopFiles.read(hadoop, folder + "/" + MANIFEST), StandardCharsets.UTF_8);
    } catch (IOException | IllegalArgumentException e) {
      throw new NoisyQuantException(
          ErrorCode.STATISTICS_INVALID,
          "no statistics at "
              + uri
              + ": "
              + (e instanceof FileNotFoundException ? "it has no " + MANIFEST : e.getMessage())
              + ". Give the folder `statistics` of a finished calibration: check "
              + key,
          e);
    }
    StatisticsManifest manifest =
        StatisticsManifest.fromJson(json, folder + "/" + MANIFEST + " (" + key + ")");
    return new StoredStatistics(
        folder,
        manifest,
        table(spark, folder, SITES, StatisticsStage.MERGED, key),
        table(spark, folder, IMAGES, IMAGE_COLUMNS, key)
            .withColumn("reason", lit(null).cast(DataTypes.StringType)));
  }

  private static String folder(Configuration hadoop, String uri) throws IOException {
    Path given = new Path(uri);
    Path among = new Path(given, FOLDER);
    FileSystem files = given.getFileSystem(hadoop);
    boolean results =
        !files.exists(new Path(given, MANIFEST)) && files.exists(new Path(among, MANIFEST));
    return (results ? among : given).toString();
  }

  private static Dataset<Row> table(
      SparkSession spark, String folder, String name, StructType schema, String key) {
    String path = folder + "/" + name;
    try {
      Dataset<Row> rows = spark.read().parquet(path);
      for (String column : schema.fieldNames()) {
        if (!List.of(rows.columns()).contains(column)
            || !rows.schema().apply(column).dataType().equals(schema.apply(column).dataType())) {
          throw new IOException("its columns are " + rows.schema().simpleString());
        }
      }
      return rows.select(
          List.of(schema.fieldNames()).stream()
              .map(column -> col(column))
              .toArray(org.apache.spark.sql.Column[]::new));
    } catch (Exception e) {
      // Scala declares none of what Spark throws at what is no Parquet.
      throw new NoisyQuantException(
          ErrorCode.STATISTICS_INVALID,
          path + " cannot be read: " + e.getMessage() + "; calibrate again, or check " + key,
          e);
    }
  }

  /**
   * Writes statistics for {@link #read}, the manifest last.
   *
   * @param folder a new one
   * @param sites (site, statistics)
   * @param imageRows (name, digest, part, …); those without a digest are left out
   */
  public static void write(
      FileSystem files,
      Path folder,
      StatisticsManifest manifest,
      Dataset<Row> sites,
      Dataset<Row> imageRows)
      throws IOException {
    sites.write().parquet(new Path(folder, SITES).toString());
    imageRows
        .filter(col("digest").isNotNull())
        .select("name", "digest", "part")
        .write()
        .parquet(new Path(folder, IMAGES).toString());
    try (OutputStream out = files.create(new Path(folder, MANIFEST), true)) {
      out.write(manifest.toJson().getBytes(StandardCharsets.UTF_8));
    }
  }

  /**
   * Makes sure that these are statistics of something else too.
   *
   * @param wanted what that is; it may have fewer sites
   * @param sameParts whether the held-out part must be the same choice
   * @throws NoisyQuantException STATISTICS_INVALID saying what differs
   */
  void check(StatisticsManifest wanted, boolean sameParts) {
    manifest
        .differenceFrom(wanted, sameParts)
        .ifPresent(
            difference -> {
              throw new NoisyQuantException(
                  ErrorCode.STATISTICS_INVALID,
                  "the statistics in "
                      + folder
                      + " do not fit: "
                      + difference
                      + ". Calibrate without them, or with what they were taken with");
            });
  }
}
