package org.noisyquant.image;

import java.nio.FloatBuffer;
import org.noisyquant.error.NoisyQuantException;

/**
 * Turns a decoded picture into the model's input, float [3, height, width], with the float
 * operations of Hugging Face's NumPy code: x·factor in double, rounded to float, minus mean and
 * divided by std in float. Immutable; safe for any number of threads.
 */
public final class Preprocessor {
  private final Preprocessing preprocessing;

  /** Value of each channel [3] for each level [256] of a pixel. */
  private final float[][] values = new float[3][256];

  /** Prepares the values of all 256 levels. */
  public Preprocessor(Preprocessing preprocessing) {
    this.preprocessing = preprocessing;
    for (int channel = 0; channel < 3; channel++) {
      float mean = preprocessing.mean().get(channel).floatValue();
      float std = preprocessing.std().get(channel).floatValue();
      for (int level = 0; level < 256; level++) {
        values[channel][level] = ((float) (level * preprocessing.rescaleFactor()) - mean) / std;
      }
    }
  }

  /** What this does. */
  public Preprocessing preprocessing() {
    return preprocessing;
  }

  /** Number of floats of one picture, 3·height·width. */
  public int size() {
    return 3 * preprocessing.height() * preprocessing.width();
  }

  /**
   * The model's input for a picture, [3, height, width].
   *
   * @throws NoisyQuantException IMAGE_UNREADABLE if the picture is not resized and its size does
   *     not fit
   */
  public float[] apply(RgbImage image) {
    float[] pixels = new float[size()];
    apply(image, pixels, 0);
    return pixels;
  }

  /** As {@link #apply(RgbImage)}, into an array from an offset on. */
  public void apply(RgbImage image, float[] target, int offset) {
    apply(image, FloatBuffer.wrap(target), offset);
  }

  /** As {@link #apply(RgbImage)}, into a buffer from an index on; its position stays. */
  public void apply(RgbImage image, FloatBuffer target, int index) {
    byte[] rgb = resized(image).rgb();
    int plane = rgb.length / 3;
    for (int channel = 0; channel < 3; channel++) {
      float[] value = values[channel];
      int out = index + channel * plane;
      for (int i = channel; i < rgb.length; i += 3) {
        target.put(out++, value[rgb[i] & 0xFF]);
      }
    }
  }

  private RgbImage resized(RgbImage image) {
    int height = preprocessing.height();
    int width = preprocessing.width();
    Resize resize = preprocessing.resize();
    long resizedHeight = resize.resizedHeight(image.height(), image.width());
    long resizedWidth = resize.resizedWidth(image.height(), image.width());
    if (resizedHeight > Integer.MAX_VALUE || resizedWidth > Integer.MAX_VALUE) {
      throw ImageDecoder.unreadable(image.name(), size(image) + " pixels are too long to resize");
    }
    boolean fits =
        preprocessing.centerCrop()
            ? resizedHeight >= height && resizedWidth >= width
            : resizedHeight == height && resizedWidth == width;
    if (!fits) {
      throw ImageDecoder.unreadable(
          image.name(),
          "it has "
              + size(image)
              + " pixels (height x width), the model wants "
              + HuggingFaceConfig.size(height, width)
              + ", and the preprocessing does not resize (do_resize is false)");
    }
    int left = (int) (resizedWidth - width) / 2;
    int top = (int) (resizedHeight - height) / 2;
    return PillowResize.resize(
        image,
        (int) resizedWidth,
        (int) resizedHeight,
        resize.interpolation(),
        new PillowResize.Window(left, top, width, height));
  }

  private static String size(RgbImage image) {
    return HuggingFaceConfig.size(image.height(), image.width());
  }
}
