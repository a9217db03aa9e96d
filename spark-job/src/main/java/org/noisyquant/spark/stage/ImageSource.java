package org.noisyquant.spark.stage;

import java.util.List;
import java.util.Optional;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.noisyquant.error.NoisyQuantException;

/**
 * Images on any Hadoop file system: the files of a folder or a glob, or the rows of a Parquet
 * table. Immutable: a sorted listing of names on the driver; contents are read by the tasks that
 * use them.
 */
public interface ImageSource {
  /**
   * Lists the images of a Parquet table (a file {@code *.parquet}, a folder of that name, or one
   * that holds such files), of a folder, at any depth, of a glob, or the one of a file. Files and
   * folders that begin with a dot or an underscore are left out.
   *
   * @throws NoisyQuantException NO_IMAGES if the path does not exist or has no image;
   *     IMAGE_TABLE_INVALID for a table without the columns that are needed
   */
  static ImageSource list(SparkSession spark, String path) {
    return list(spark, path, "images.path (--images)");
  }

  /**
   * The same.
   *
   * @param key what gave the path, for messages
   */
  static ImageSource list(SparkSession spark, String path, String key) {
    return ImageTable.isAt(path, spark.sparkContext().hadoopConfiguration())
        ? ImageTable.list(spark, path, key)
        : ImageFolder.list(spark, path, key);
  }

  /**
   * The given number of these images, or all where there are fewer: those whose name has the
   * smallest hash with the seed. Where the images lie, and how Spark lists them, makes no
   * difference; a larger sample contains the smaller.
   *
   * @throws NoisyQuantException INVALID_VALUE if the number is below 1
   */
  ImageSource sample(int count, long seed);

  /** Names, each once, sorted. */
  List<String> names();

  /** URI of the folder that names are relative to, or of the table. */
  String folder();

  /**
   * The images as rows of {@link ImageFile#SCHEMA}, read when and where they are used.
   *
   * @param partitions number of partitions, 1 or more; not more than there are images
   */
  Dataset<Row> read(int partitions);

  /**
   * The labels that lie with the images: {@code labels.csv} in their folder, or the column of the
   * table; empty if there are none.
   *
   * @param classes what names of classes mean, where known
   * @throws NoisyQuantException LABELS_INVALID
   */
  Optional<Labels> labels(Optional<ClassList> classes);
}
