package org.noisyquant.spark.stage;

import java.io.Serializable;
import org.noisyquant.error.NoisyQuantException;
import org.noisyquant.image.Preprocessing;
import org.noisyquant.image.Preprocessor;
import org.noisyquant.stats.SiteStatistics.Part;

/**
 * How image files become model inputs, the same on every executor.
 *
 * @param preprocessing in Hugging Face JSON
 * @param height of the model's input, in pixels
 * @param width of the model's input, in pixels
 * @param heldOutFraction share of the images that belong to the held-out part
 * @param seed of that choice
 */
record ImageInput(String preprocessing, int height, int width, double heldOutFraction, long seed)
    implements Serializable {

  /** An image that was read. */
  record Pixels(String name, String digest, Part part, float[] values) {}

  /** Turns files into pixels. Not thread-safe; the pixels' array is reused. */
  final class Reader {
    private final Preprocessor preprocessor =
        new Preprocessor(Preprocessing.fromJson(preprocessing, "preprocessing", height, width));
    private final float[] values = new float[preprocessor.size()];

    /**
     * Decodes and preprocesses one image.
     *
     * @throws NoisyQuantException IMAGE_UNREADABLE
     */
    Pixels read(ImageFile file) {
      preprocessor.apply(file.decode(), values, 0);
      return new Pixels(file.name(), file.digest(), part(file.digest()), values);
    }
  }

  Reader newReader() {
    return new Reader();
  }

  /** The part that an image of this content belongs to. */
  Part part(String digest) {
    return ImageHash.isHeldOut(seed, digest, heldOutFraction) ? Part.HELD_OUT : Part.CALIBRATION;
  }
}
