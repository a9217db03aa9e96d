package org.noisyquant.spark.stage;

import java.io.Serializable;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import org.apache.spark.sql.Row;
import org.noisyquant.error.NoisyQuantException;
import org.noisyquant.image.ImageDecoder;
import org.noisyquant.image.Preprocessing;
import org.noisyquant.image.Preprocessor;
import org.noisyquant.random.SeededHash;
import org.noisyquant.stats.SiteStatistics.Part;

/**
 * How image rows become model inputs, the same on every executor. A row has the columns {@code
 * name} (string) and {@code content} (binary); others are ignored.
 *
 * @param preprocessing in Hugging Face JSON
 * @param height of the model's input, in pixels
 * @param width of the model's input, in pixels
 * @param heldOutFraction share of the images that belong to the held-out part
 * @param seed of that choice
 */
record ImageInput(String preprocessing, int height, int width, double heldOutFraction, long seed)
    implements Serializable {

  /** Column with the name that seeds, labels and messages use. */
  static final String NAME = "name";

  /** Column with the bytes of the image file. */
  static final String CONTENT = "content";

  private static final long PART_SALT = 0x70617274L;

  /** An image that was read. */
  record Pixels(String name, String digest, Part part, float[] values) {}

  /** Turns rows into pixels. Not thread-safe; the pixels' array is reused. */
  final class Reader {
    private final Preprocessor preprocessor =
        new Preprocessor(Preprocessing.fromJson(preprocessing, "preprocessing", height, width));
    private final float[] values = new float[preprocessor.size()];

    /**
     * Decodes and preprocesses one image.
     *
     * @throws NoisyQuantException IMAGE_UNREADABLE
     */
    Pixels read(Row row) {
      String name = row.getAs(NAME);
      byte[] content = row.getAs(CONTENT);
      String digest = digest(content);
      preprocessor.apply(ImageDecoder.decode(content, name), values, 0);
      return new Pixels(name, digest, part(digest), values);
    }
  }

  Reader newReader() {
    return new Reader();
  }

  /** By content, so that it depends neither on names nor on which other images there are. */
  private Part part(String digest) {
    double u = SeededHash.unit(SeededHash.hash(seed ^ PART_SALT, digest));
    return u < heldOutFraction ? Part.HELD_OUT : Part.CALIBRATION;
  }

  private static String digest(byte[] content) {
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(content));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }
}
