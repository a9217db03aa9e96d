package org.noisyquant.image;

/** The indices of a BMP whose rows are run-length encoded. */
final class BmpRuns {
  private static final int END_OF_ROW = 0;
  private static final int END_OF_PICTURE = 1;
  private static final int SKIP = 2;

  private final byte[] file;
  private final String name;
  private final int width;
  private final int height;
  private final int bits;
  private final byte[] indices;
  private int at;
  private int x;
  private int y;

  private BmpRuns(BmpHeader header, byte[] file, String name) {
    this.file = file;
    this.name = name;
    this.width = header.width();
    this.height = header.height();
    this.bits = header.bits();
    this.indices = new byte[width * height];
    this.at = header.start();
  }

  /**
   * One index for each pixel, in the order of the file. A pixel that is skipped has index 0, also
   * in a row without pixels, which Pillow loses; what exceeds a row is dropped.
   */
  static byte[] indices(BmpHeader header, byte[] file, String name) {
    BmpRuns runs = new BmpRuns(header, file, name);
    runs.decode();
    return runs.indices;
  }

  private void decode() {
    while (y < height - 1 || (y < height && x < width)) {
      int count = next();
      int value = next();
      if (count > 0) {
        for (int i = 0; i < count; i++) {
          store(bits == 8 ? value : nibble(value, i));
        }
      } else if (value == END_OF_ROW) {
        x = 0;
        y++;
      } else if (value == END_OF_PICTURE) {
        throw ImageDecoder.unreadable(name, "the BMP is truncated: it has too few pixels");
      } else if (value == SKIP) {
        x += next();
        y += next();
      } else {
        literal(value);
      }
    }
  }

  /** Pixels without runs, up to an even byte. */
  private void literal(int count) {
    int bytes = bits == 8 ? count : (count + 1) / 2;
    int value = 0;
    for (int i = 0; i < count; i++) {
      if (bits == 8 || i % 2 == 0) {
        value = next();
      }
      store(bits == 8 ? value : nibble(value, i));
    }
    at += bytes % 2;
  }

  private static int nibble(int value, int i) {
    return i % 2 == 0 ? value >> 4 : value & 0xF;
  }

  private void store(int index) {
    if (x < width && y < height) {
      indices[y * width + x] = (byte) index;
    }
    x++;
  }

  private int next() {
    if (at >= file.length) {
      throw ImageDecoder.unreadable(
          name, "the BMP is truncated: its " + file.length + " bytes are too few");
    }
    return Byte.toUnsignedInt(file[at++]);
  }
}
