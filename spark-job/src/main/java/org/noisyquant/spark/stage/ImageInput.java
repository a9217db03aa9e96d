package org.noisyquant.spark.stage;

import java.io.Serializable;
import java.util.Optional;
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
 * @param crashes where to look for images that processes died of; null for nowhere
 */
record ImageInput(
    String preprocessing,
    int height,
    int width,
    double heldOutFraction,
    long seed,
    CrashMarks crashes)
    implements Serializable {

  /** An image that was read. */
  record Pixels(String name, String digest, Part part, float[] values) {}

  /** Turns files into pixels. Not thread-safe; the pixels' array is reused. */
  final class Reader {
    private final Preprocessor preprocessor =
        new Preprocessor(Preprocessing.fromJson(preprocessing, "preprocessing", height, width));
    private final float[] values = new float[preprocessor.size()];
    private final Optional<CrashWatch> watch = Optional.ofNullable(crashes).map(CrashWatch::start);

    /**
     * Decodes and preprocesses one image. Until the next call, or the end of the task, it counts as
     * in work.
     *
     * @throws NoisyQuantException IMAGE_UNREADABLE
     */
    Pixels read(ImageFile file) {
      watch.ifPresent(w -> w.begin(file));
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
