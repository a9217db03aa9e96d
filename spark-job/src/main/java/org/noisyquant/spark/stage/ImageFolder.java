package org.noisyquant.spark.stage;

import java.net.URI;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.apache.hadoop.fs.Path;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.util.SerializableConfiguration;
import org.noisyquant.error.ErrorCode;
import org.noisyquant.error.NoisyQuantException;

/**
 * The image files below a folder, or of a glob, on any Hadoop file system. Immutable: a sorted
 * listing on the driver; contents are read by the tasks that use them. Their names say which files
 * are images; what an image is, its content says.
 *
 * <p>The listing is the file index of Spark's {@code binaryFile} source, which asks an object store
 * for a thousand objects at a time, of many folders at once. Its rows are never asked for: even
 * without their content they cost a request for each file. Contents are read by the tasks: that
 * source would read every file that a sample leaves out, could be brought to a given number of
 * partitions only by a shuffle of all contents, and fails the job where one file cannot be opened.
 */
final class ImageFolder implements ImageSource {
  /** File names that are read, whatever their case, as a Hadoop glob. */
  private static final String IMAGE_NAMES =
      "*.{[jJ][pP][gG],[jJ][pP][eE][gG],[pP][nN][gG],[gG][iI][fF],[bB][mM][pP],[wW][eE][bB][pP]}";

  private final SparkSession spark;
  private final ImageLocation location;
  private final List<String> names;

  private ImageFolder(SparkSession spark, ImageLocation location, List<String> names) {
    this.spark = spark;
    this.location = location;
    this.names = List.copyOf(names);
  }

  /**
   * Lists the images of a folder, at any depth, of a glob, or the one of a file. Files and folders
   * that begin with a dot or an underscore are left out.
   *
   * @param key what gave the path, for messages
   * @throws NoisyQuantException NO_IMAGES if the path does not exist or has no image
   */
  static ImageFolder list(SparkSession spark, String path, String key) {
    ImageLocation location =
        ImageLocation.find(path, key, spark.sparkContext().hadoopConfiguration());
    // The cache of listings would keep a path, a status and its blocks of every image.
    SparkSession uncached = spark.newSession();
    uncached.conf().set("spark.sql.hive.manageFilesourcePartitions", "false");
    String[] files =
        uncached
            .read()
            .format("binaryFile")
            .option("recursiveFileLookup", "true")
            .option("pathGlobFilter", IMAGE_NAMES)
            .load(location.pattern())
            .inputFiles();
    List<String> names =
        Arrays.stream(files)
            .map(file -> location.nameOf(new Path(URI.create(file)).toString()))
            .distinct()
            .sorted()
            .toList();
    if (names.isEmpty()) {
      throw new NoisyQuantException(
          ErrorCode.NO_IMAGES,
          "no images at "
              + path
              + ": looked for files *.jpg, *.jpeg, *.png, *.gif, *.bmp and *.webp in it and in the"
              + " folders below. Check "
              + key);
    }
    return new ImageFolder(spark, location, names);
  }

  @Override
  public ImageSource sample(int count, long seed) {
    return new ImageFolder(spark, location, ImageNames.sample(names, count, seed));
  }

  /** Paths relative to {@link #folder}, sorted. */
  @Override
  public List<String> names() {
    return names;
  }

  /** URI of the folder that names are relative to; of a glob, the last one without a wildcard. */
  @Override
  public String folder() {
    return location.folder();
  }

  /**
   * Partition i of n has the i-th n-th of the sorted names. A file that is not there any more, or
   * that may not be read, is a row with an error; any other failure fails the task, for Spark to
   * try again.
   */
  @Override
  public Dataset<Row> read(int partitions) {
    JavaSparkContext context = JavaSparkContext.fromSparkContext(spark.sparkContext());
    Broadcast<SerializableConfiguration> configuration =
        context.broadcast(
            new SerializableConfiguration(spark.sparkContext().hadoopConfiguration()));
    ImageLocation from = location;
    JavaRDD<Row> rows =
        context
            .parallelize(new ArrayList<>(names), Math.min(partitions, names.size()))
            .map(name -> from.read(name, configuration.value().value()).toRow());
    return spark.createDataFrame(rows, ImageFile.SCHEMA);
  }

  @Override
  public Optional<Labels> labels(Optional<ClassList> classes) {
    return Labels.beside(this, spark.sparkContext().hadoopConfiguration(), classes);
  }
}
