package org.noisyquant.image;

/**
 * BMP to RGB: 1 to 32 bits per pixel, run-length encoded or not; alpha is dropped. Our own, because
 * Java's reader says nothing where runs end early, and rows without runs need no decoder.
 */
final class BmpReader {
  private final BmpHeader header;
  private final byte[] file;
  private final byte[] rgb;

  private BmpReader(BmpHeader header, byte[] file) {
    this.header = header;
    this.file = file;
    this.rgb = new byte[3 * header.width() * header.height()];
  }

  static RgbImage read(byte[] file, String name) {
    BmpHeader header = BmpHeader.parse(file, name);
    byte[] indices = header.runs() ? BmpRuns.indices(header, file, name) : null;
    BmpReader reader = new BmpReader(header, file);
    for (int row = 0; row < header.height(); row++) {
      int y = header.topDown() ? row : header.height() - 1 - row;
      int out = 3 * y * header.width();
      if (indices != null) {
        reader.indexedRow(indices, row * header.width(), 8, out);
      } else if (header.bits() <= 8) {
        reader.indexedRow(file, header.start() + row * header.stride(), header.bits(), out);
      } else {
        reader.directRow(header.start() + row * header.stride(), out);
      }
    }
    return new RgbImage(header.width(), header.height(), reader.rgb, name);
  }

  private void indexedRow(byte[] packed, int start, int bits, int out) {
    int mask = (1 << bits) - 1;
    for (int x = 0; x < header.width(); x++) {
      int bit = x * bits;
      int index = (packed[start + bit / 8] >> (8 - bits - bit % 8)) & mask;
      header.palette().store(index, rgb, out + 3 * x);
    }
  }

  private void directRow(int start, int out) {
    int bytes = header.bits() / 8;
    for (int x = 0; x < header.width(); x++) {
      int pixel = 0;
      for (int i = 0; i < bytes; i++) {
        pixel |= (file[start + x * bytes + i] & 0xFF) << (8 * i);
      }
      for (int c = 0; c < 3; c++) {
        rgb[out + 3 * x + c] = level(pixel, header.masks()[c]);
      }
    }
  }

  /** The bits of a mask as 0 to 255, rounded down as in Pillow. */
  private static byte level(int pixel, int mask) {
    int shift = Integer.numberOfTrailingZeros(mask);
    return (byte) (((pixel & mask) >>> shift) * 255 / (mask >>> shift));
  }
}
