package org.noisyquant.spark.stage;

import java.util.Optional;
import java.util.OptionalInt;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.api.java.function.MapFunction;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.noisyquant.error.ErrorCode;
import org.noisyquant.error.NoisyQuantException;

/** Writes images into a table that {@link ImageSource} reads. */
public final class PackStage {
  private PackStage() {}

  /**
   * Writes a table. The files are taken as they are, not decoded.
   *
   * @param labels become a column of integers, null for an image without one; empty: no column
   * @param files of the table
   * @param table where to write it, a new folder
   * @return how many images were written
   * @throws NoisyQuantException IMAGE_UNREADABLE for a file that cannot be read
   */
  public static long write(ImageSource images, Optional<Labels> labels, int files, String table) {
    Dataset<Row> rows = images.read(files);
    StructType schema =
        labels.isPresent()
            ? ImageTable.SCHEMA.add(ImageTable.LABEL, DataTypes.IntegerType)
            : ImageTable.SCHEMA;
    Broadcast<Labels> known =
        JavaSparkContext.fromSparkContext(rows.sparkSession().sparkContext())
            .broadcast(labels.orElse(null));
    rows.map((MapFunction<Row, Row>) row -> row(row, known.value()), Encoders.row(schema))
        .write()
        .parquet(table);
    return rows.sparkSession().read().parquet(table).count();
  }

  private static Row row(Row row, Labels labels) {
    ImageFile file = ImageFile.of(row);
    if (file.error() != null) {
      throw new NoisyQuantException(
          ErrorCode.IMAGE_UNREADABLE,
          "cannot read image "
              + file.path()
              + ": "
              + file.error()
              + ". Replace or remove the file");
    }
    if (labels == null) {
      return RowFactory.create(file.name(), file.content());
    }
    OptionalInt label = labels.label(file.name());
    return RowFactory.create(
        file.name(), file.content(), label.isPresent() ? label.getAsInt() : null);
  }
}
