package org.noisyquant.spark.ml;

import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.noisyquant.error.ErrorCode;
import org.noisyquant.error.NoisyQuantException;
import org.noisyquant.spark.stage.ImageHash;

/** The columns that Estimator and Model read and add. */
final class ImageColumns {
  private ImageColumns() {}

  /** Checks that both columns are there, with their types. */
  static void check(StructType schema, String nameCol, String contentCol) {
    check(schema, nameCol, DataTypes.StringType);
    check(schema, contentCol, DataTypes.BinaryType);
  }

  /** The schema with the two prediction columns. */
  static StructType withPredictions(
      StructType schema, String predictionCol, String fp32PredictionCol) {
    for (String added : new String[] {predictionCol, fp32PredictionCol}) {
      if (schema.getFieldIndex(added).isDefined()) {
        throw new NoisyQuantException(
            ErrorCode.INVALID_VALUE,
            "the images already have a column " + added + "; choose another prediction column");
      }
    }
    return schema
        .add(predictionCol, DataTypes.DoubleType)
        .add(fp32PredictionCol, DataTypes.DoubleType);
  }

  /** A row of {@code ImageFile.SCHEMA}. */
  static Row imageFile(String name, byte[] content) {
    byte[] bytes = content == null ? new byte[0] : content;
    return RowFactory.create(
        name, name, bytes, ImageHash.digest(bytes), content == null ? "content is null" : null);
  }

  private static void check(StructType schema, String column, DataType type) {
    boolean found = schema.getFieldIndex(column).isDefined();
    if (!found || !schema.apply(column).dataType().equals(type)) {
      throw new NoisyQuantException(
          ErrorCode.INVALID_VALUE,
          String.format(
              "the images need a column %s of type %s; they have %s",
              column, type.simpleString(), schema.simpleString()));
    }
  }
}
