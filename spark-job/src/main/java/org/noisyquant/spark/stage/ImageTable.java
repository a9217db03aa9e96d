package org.noisyquant.spark.stage;

import static org.apache.spark.sql.functions.col;

import java.io.IOException;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.RemoteIterator;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.api.java.function.FilterFunction;
import org.apache.spark.api.java.function.MapFunction;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.noisyquant.error.ErrorCode;
import org.noisyquant.error.NoisyQuantException;

/**
 * Images in a Parquet table with the columns {@code path} (string, unique: the image's name),
 * {@code content} (binary: the image file) and, where there are labels, {@code label} (integer):
 * many small files as few large ones, without a request for each. Further columns are ignored.
 */
final class ImageTable implements ImageSource {
  static final String PATH = "path";
  static final String CONTENT = "content";
  static final String LABEL = "label";

  /** What {@code pack} writes and {@code list} reads, but for the label. */
  static final StructType SCHEMA =
      new StructType().add(PATH, DataTypes.StringType).add(CONTENT, DataTypes.BinaryType);

  private static final String SUFFIX = ".parquet";

  /** Tables have their first data file among these; folders of images may be endless. */
  private static final int LOOKED_AT = 100;

  private static final Set<DataType> LABEL_TYPES =
      Set.of(
          DataTypes.ByteType,
          DataTypes.ShortType,
          DataTypes.IntegerType,
          DataTypes.LongType,
          DataTypes.StringType);

  private final Dataset<Row> rows;
  private final String table;
  private final List<String> names;
  private final boolean sampled;

  private ImageTable(Dataset<Row> rows, String table, List<String> names, boolean sampled) {
    this.rows = rows;
    this.table = table;
    this.names = List.copyOf(names);
    this.sampled = sampled;
  }

  /** Whether a Parquet table is there; false for what cannot be looked at. */
  static boolean isAt(String given, Configuration hadoop) {
    try {
      Path path = new Path(given);
      FileSystem files = path.getFileSystem(hadoop);
      if (!files.getFileStatus(path).isDirectory() || path.getName().endsWith(SUFFIX)) {
        return path.getName().endsWith(SUFFIX);
      }
      RemoteIterator<FileStatus> children = files.listStatusIterator(path);
      for (int i = 0; i < LOOKED_AT && children.hasNext(); i++) {
        FileStatus child = children.next();
        if (child.isFile() && child.getPath().getName().endsWith(SUFFIX)) {
          return true;
        }
      }
      return false;
    } catch (IOException | IllegalArgumentException e) {
      return false;
    }
  }

  static ImageTable list(SparkSession spark, String path, String key) {
    Dataset<Row> rows;
    try {
      rows = spark.read().parquet(path);
    } catch (Exception e) {
      // Scala declares none of what Spark throws at what is no Parquet; the first cause says it.
      throw invalid(path, "cannot be read (" + ofFirstCause(e) + ")", key);
    }
    check(rows.schema(), path, key);
    List<Row> listed = rows.select(PATH).collectAsList();
    Set<String> names = new HashSet<>();
    for (Row row : listed) {
      if (row.isNullAt(0) || !names.add(row.getString(0))) {
        throw invalid(
            path,
            row.isNullAt(0)
                ? "has a row without a path"
                : "has the path " + row.getString(0) + " more than once",
            key);
      }
    }
    if (names.isEmpty()) {
      throw new NoisyQuantException(
          ErrorCode.NO_IMAGES, "no images at " + path + ": the table has no row. Check " + key);
    }
    return new ImageTable(rows, path, names.stream().sorted().toList(), false);
  }

  private static void check(StructType schema, String path, String key) {
    for (String column : SCHEMA.fieldNames()) {
      DataType expected = SCHEMA.apply(column).dataType();
      boolean there = List.of(schema.fieldNames()).contains(column);
      if (!there || !schema.apply(column).dataType().equals(expected)) {
        throw invalid(
            path,
            "has the columns "
                + schema.simpleString()
                + " where "
                + column
                + ":"
                + expected.simpleString()
                + " is needed",
            key);
      }
    }
  }

  @Override
  public ImageSource sample(int count, long seed) {
    return new ImageTable(rows, table, ImageNames.sample(names, count, seed), true);
  }

  @Override
  public List<String> names() {
    return names;
  }

  @Override
  public String folder() {
    return table;
  }

  /** As many partitions as Spark makes of the table's files, or more by a shuffle of contents. */
  @Override
  public Dataset<Row> read(int partitions) {
    Dataset<Row> chosen = rows.select(PATH, CONTENT);
    if (sampled) {
      Broadcast<Set<String>> wanted =
          JavaSparkContext.fromSparkContext(rows.sparkSession().sparkContext())
              .broadcast(new HashSet<>(names));
      chosen =
          chosen.filter((FilterFunction<Row>) row -> wanted.value().contains(row.getString(0)));
    }
    int most = Math.min(partitions, names.size());
    if (chosen.rdd().getNumPartitions() < most) {
      chosen = chosen.repartition(most);
    }
    String from = table;
    return chosen.map(
        (MapFunction<Row, Row>) row -> file(from, row), Encoders.row(ImageFile.SCHEMA));
  }

  private static Row file(String table, Row row) {
    String name = row.getString(0);
    byte[] content = row.isNullAt(1) ? new byte[0] : row.getAs(1);
    return new ImageFile(
            table + "#" + name,
            name,
            content,
            ImageHash.digest(content),
            row.isNullAt(1) ? "its content is null" : null)
        .toRow();
  }

  @Override
  public Optional<Labels> labels(Optional<ClassList> classes) {
    if (!List.of(rows.columns()).contains(LABEL)) {
      return Optional.empty();
    }
    DataType type = rows.schema().apply(LABEL).dataType();
    String source = "the column label of " + table;
    if (!LABEL_TYPES.contains(type)) {
      throw new NoisyQuantException(
          ErrorCode.LABELS_INVALID,
          source
              + " is "
              + type.simpleString()
              + "; class indices as integers, or names as strings, are needed");
    }
    Map<String, Integer> labels = new HashMap<>();
    for (Row row : rows.filter(col(LABEL).isNotNull()).select(PATH, LABEL).collectAsList()) {
      String name = row.getString(0);
      labels.put(name, LabelText.index(row.get(1).toString(), classes, source + ", " + name));
    }
    return labels.isEmpty() ? Optional.empty() : Optional.of(new Labels(source, labels));
  }

  private static String ofFirstCause(Throwable thrown) {
    Throwable cause = thrown;
    while (cause.getCause() != null && cause.getCause() != cause) {
      cause = cause.getCause();
    }
    return cause.toString().lines().findFirst().orElse("");
  }

  private static NoisyQuantException invalid(String path, String what, String key) {
    return new NoisyQuantException(
        ErrorCode.IMAGE_TABLE_INVALID,
        "the image table "
            + path
            + " "
            + what
            + ". A table of images has the columns path (string, unique), content (binary) and,"
            + " where there are labels, label (class index, or name); `pack` writes one. Check "
            + key);
  }
}
