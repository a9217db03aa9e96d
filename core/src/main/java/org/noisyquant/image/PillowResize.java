package org.noisyquant.image;

import java.util.Arrays;

/**
 * Resizes as Pillow's {@code Image.resize} does, to the bit: columns first, then rows, each pass
 * with weights in 22-bit fixed point, rounded half up and clipped to 0..255 in between.
 */
public final class PillowResize {
  private static final int HALF = 1 << (ResizeWeights.PRECISION_BITS - 1);

  private PillowResize() {}

  /** The whole picture in another size. */
  public static RgbImage resize(RgbImage image, int width, int height, Interpolation filter) {
    return resize(image, width, height, filter, new Window(0, 0, width, height));
  }

  /** A part of a picture, in pixels. */
  record Window(int left, int top, int width, int height) {}

  /**
   * A part of the resized picture: the same pixels as resizing all of it and cropping, for the
   * price of that part.
   *
   * @param window within width x height
   */
  static RgbImage resize(
      RgbImage image, int width, int height, Interpolation filter, Window window) {
    if (width < 1
        || height < 1
        || window.left < 0
        || window.top < 0
        || window.left + window.width > width
        || window.top + window.height > height) {
      throw new IllegalArgumentException(
          image.name() + ": " + window + " of " + width + "x" + height);
    }
    byte[] pixels =
        filter == Interpolation.NEAREST
            ? nearest(image, width, height, window)
            : weighted(image, width, height, filter, window);
    return new RgbImage(window.width, window.height, pixels, image.name());
  }

  private static byte[] weighted(
      RgbImage image, int width, int height, Interpolation filter, Window window) {
    ResizeWeights rows =
        new ResizeWeights(image.height(), height, window.top, window.top + window.height, filter);
    int firstRow = rows.first(0);
    int last = window.height - 1;
    int rowCount = rows.first(last) + rows.count(last) - firstRow;
    byte[] narrowed;
    if (width == image.width()) {
      // Pillow skips a pass that would change nothing, and with it its rounding.
      narrowed = columnsOf(image, firstRow, rowCount, window);
    } else {
      ResizeWeights columns =
          new ResizeWeights(image.width(), width, window.left, window.left + window.width, filter);
      narrowed = resizeColumns(image, firstRow, rowCount, columns, window.width);
    }
    if (height == image.height()) {
      return narrowed;
    }
    return resizeRows(narrowed, firstRow, rows, window);
  }

  private static byte[] columnsOf(RgbImage image, int firstRow, int rowCount, Window window) {
    int rowBytes = 3 * window.width;
    byte[] out = new byte[rowCount * rowBytes];
    for (int y = 0; y < rowCount; y++) {
      int from = 3 * ((firstRow + y) * image.width() + window.left);
      System.arraycopy(image.rgb(), from, out, y * rowBytes, rowBytes);
    }
    return out;
  }

  private static byte[] resizeColumns(
      RgbImage image, int firstRow, int rowCount, ResizeWeights columns, int width) {
    byte[] in = image.rgb();
    byte[] out = new byte[3 * rowCount * width];
    int[] weights = columns.weights();
    int at = 0;
    for (int y = 0; y < rowCount; y++) {
      int row = 3 * (firstRow + y) * image.width();
      for (int x = 0; x < width; x++) {
        int red = HALF;
        int green = HALF;
        int blue = HALF;
        int pixel = row + 3 * columns.first(x);
        int end = columns.offset(x) + columns.count(x);
        for (int k = columns.offset(x); k < end; k++, pixel += 3) {
          int weight = weights[k];
          red += weight * (in[pixel] & 0xFF);
          green += weight * (in[pixel + 1] & 0xFF);
          blue += weight * (in[pixel + 2] & 0xFF);
        }
        out[at++] = clip(red);
        out[at++] = clip(green);
        out[at++] = clip(blue);
      }
    }
    return out;
  }

  /** Sums a whole row at a time: neighbours in memory, so that the loop vectorizes. */
  private static byte[] resizeRows(byte[] in, int firstRow, ResizeWeights rows, Window window) {
    int rowBytes = 3 * window.width;
    byte[] out = new byte[window.height * rowBytes];
    int[] sums = new int[rowBytes];
    for (int y = 0; y < window.height; y++) {
      Arrays.fill(sums, HALF);
      for (int k = 0; k < rows.count(y); k++) {
        int weight = rows.weights()[rows.offset(y) + k];
        int from = (rows.first(y) + k - firstRow) * rowBytes;
        for (int i = 0; i < rowBytes; i++) {
          sums[i] += weight * (in[from + i] & 0xFF);
        }
      }
      for (int i = 0; i < rowBytes; i++) {
        out[y * rowBytes + i] = clip(sums[i]);
      }
    }
    return out;
  }

  private static byte clip(int sum) {
    return (byte) Math.max(0, Math.min(255, sum >> ResizeWeights.PRECISION_BITS));
  }

  private static byte[] nearest(RgbImage image, int width, int height, Window window) {
    int[] columns = nearestPixels(image.width(), width);
    int[] rows = nearestPixels(image.height(), height);
    byte[] out = new byte[3 * window.width * window.height];
    int at = 0;
    for (int y = 0; y < window.height; y++) {
      int row = rows[window.top + y] * image.width();
      for (int x = 0; x < window.width; x++, at += 3) {
        System.arraycopy(image.rgb(), 3 * (row + columns[window.left + x]), out, at, 3);
      }
    }
    return out;
  }

  /** The position is summed up step by step, as in Pillow: the rounding errors are part of it. */
  private static int[] nearestPixels(int input, int output) {
    double scale = (double) input / output;
    double position = scale * 0.5;
    int[] pixels = new int[output];
    for (int i = 0; i < output; i++) {
      pixels[i] = Math.min(input - 1, (int) position);
      position += scale;
    }
    return pixels;
  }
}
