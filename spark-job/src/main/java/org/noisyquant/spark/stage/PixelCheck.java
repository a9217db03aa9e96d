package org.noisyquant.spark.stage;

import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.apache.spark.sql.Row;
import org.noisyquant.error.ErrorCode;
import org.noisyquant.error.NoisyQuantException;
import org.noisyquant.image.Preprocessing;
import org.noisyquant.image.Preprocessor;

/**
 * Mean and standard deviation of what a model gets to see of a few images. About 0 and 1 for a
 * preprocessing that fits the model; far from it where pixels are not scaled, or are twice.
 *
 * @param images how many could be read
 * @param mean of all their values, after preprocessing
 * @param deviation of all their values, after preprocessing
 */
public record PixelCheck(int images, double mean, double deviation) {
  /** How many images are enough. */
  public static final int SAMPLE = 3;

  /** A black picture and a white one are within ± 2.7 with the usual mean and deviation. */
  private static final double MOST_MEAN = 3;

  private static final double MOST_DEVIATION = 5;

  /** Pixels that are divided by 255 twice have a hundredth. */
  private static final double LEAST_DEVIATION = 0.02;

  /**
   * Looks at images.
   *
   * @param images rows that begin with the columns of {@link ImageFile#SCHEMA}
   */
  public static PixelCheck of(List<Row> images, Preprocessing preprocessing) {
    Preprocessor preprocessor = new Preprocessor(preprocessing);
    int read = 0;
    double sum = 0;
    double squares = 0;
    for (Row row : images) {
      float[] pixels;
      try {
        pixels = preprocessor.apply(ImageFile.of(row).decode());
      } catch (NoisyQuantException e) {
        if (e.code() == ErrorCode.IMAGE_UNREADABLE) {
          continue;
        }
        throw e;
      }
      read++;
      for (float pixel : pixels) {
        sum += pixel;
        squares += (double) pixel * pixel;
      }
    }
    double count = (double) read * preprocessor.size();
    double mean = read == 0 ? Double.NaN : sum / count;
    return new PixelCheck(read, mean, Math.sqrt(Math.max(0, squares / count - mean * mean)));
  }

  /** What seems to be wrong, and what to do. */
  public Optional<String> warning() {
    if (images == 0) {
      return Optional.empty();
    }
    if (Math.abs(mean) > MOST_MEAN || deviation > MOST_DEVIATION) {
      return Optional.of(text("look as if they were not scaled to 0 to 1 first"));
    }
    if (deviation < LEAST_DEVIATION) {
      return Optional.of(text("hardly differ, as if they were scaled twice"));
    }
    return Optional.empty();
  }

  private String text(String look) {
    return String.format(
        Locale.ROOT,
        "pixels %s: after preprocessing those of %d images have mean %.3g and deviation %.3g, where"
            + " models expect about 0 and 1. Check do_rescale, rescale_factor, image_mean and"
            + " image_std of the preprocessing file (--preprocessing)",
        look,
        images,
        mean,
        deviation);
  }
}
