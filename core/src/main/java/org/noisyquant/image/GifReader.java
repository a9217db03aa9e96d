package org.noisyquant.image;

/**
 * The first frame of a GIF to RGB. A transparent pixel has the colour of its palette index, as
 * alpha is dropped everywhere; what the frame leaves of the screen has that of the transparent
 * index.
 */
final class GifReader {
  /** First row and row step of the passes of an interlaced frame. */
  private static final int[][] PASSES = {{0, 8}, {4, 8}, {2, 4}, {1, 2}};

  private static final int[][] ONE_PASS = {{0, 1}};

  private GifReader() {}

  static RgbImage read(byte[] file, String name) {
    GifFrame frame = GifFrame.parse(file, name);
    byte[] indices = GifPixels.indices(frame, name);
    byte[] rgb = new byte[3 * frame.width() * frame.height()];
    if (frame.columns() < frame.width() || frame.rows() < frame.height()) {
      for (int at = 0; at < rgb.length; at += 3) {
        frame.palette().store(frame.background(), rgb, at);
      }
    }
    int index = 0;
    for (int[] pass : frame.interlaced() ? PASSES : ONE_PASS) {
      for (int y = pass[0]; y < frame.rows(); y += pass[1]) {
        int at = 3 * ((frame.top() + y) * frame.width() + frame.left());
        for (int x = 0; x < frame.columns(); x++, at += 3) {
          frame.palette().store(Byte.toUnsignedInt(indices[index++]), rgb, at);
        }
      }
    }
    return new RgbImage(frame.width(), frame.height(), rgb, name);
  }
}
