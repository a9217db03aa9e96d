package org.noisyquant.spark.stage;

import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.noisyquant.error.ErrorCode;
import org.noisyquant.error.NoisyQuantException;
import org.noisyquant.image.ImageDecoder;
import org.noisyquant.image.RgbImage;

/**
 * One image file as it was read, a row of {@link ImageSource#read}.
 *
 * @param path full URI
 * @param name path relative to the folder of images: the same wherever that is mounted
 * @param content bytes of the file; empty where it could not be read
 * @param digest SHA-256 of the content in hexadecimal
 * @param error why the file could not be read, or null
 */
@SuppressWarnings("ArrayRecordComponent") // a row; never compared
public record ImageFile(String path, String name, byte[] content, String digest, String error) {
  /** Columns path, name, content, digest, error. */
  public static final StructType SCHEMA =
      new StructType()
          .add("path", DataTypes.StringType, false)
          .add("name", DataTypes.StringType, false)
          .add("content", DataTypes.BinaryType, false)
          .add("digest", DataTypes.StringType, false)
          .add("error", DataTypes.StringType, true);

  /** The image of a row of {@link #SCHEMA}. */
  public static ImageFile of(Row row) {
    return new ImageFile(
        row.getString(0), row.getString(1), row.getAs(2), row.getString(3), row.getString(4));
  }

  Row toRow() {
    return RowFactory.create(path, name, content, digest, error);
  }

  /**
   * The picture.
   *
   * @throws NoisyQuantException IMAGE_UNREADABLE if the file could not be read or decoded
   */
  public RgbImage decode() {
    if (error != null) {
      throw new NoisyQuantException(
          ErrorCode.IMAGE_UNREADABLE,
          "cannot read image " + name + ": " + error + ". Replace or remove the file");
    }
    return ImageDecoder.decode(content, name);
  }
}
