package org.noisyquant.image;

import java.util.Arrays;

/**
 * PNG to RGB: every colour type, bit depth and interlacing. Only the chunks that make pixels are
 * read (IHDR, PLTE, IDAT, IEND); transparency, gamma, colour profile and animation are not. Our
 * own, because Java's reader applies some of those, fails on damaged text chunks, and returns what
 * it has where the data end early.
 */
final class PngReader {
  static final String SIGNATURE = "89504E470D0A1A0A";

  /** First column, first row, column step, row step of Adam7's passes. */
  private static final int[][] ADAM7 = {
    {0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4}, {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}
  };

  private static final int[][] ONE_PASS = {{0, 0, 1, 1}};

  private final PngChunks png;
  private final String name;
  private final byte[] rgb;

  private PngReader(PngChunks png, String name) {
    this.png = png;
    this.name = name;
    this.rgb = new byte[3 * png.width() * png.height()];
  }

  static RgbImage read(byte[] file, String name) {
    PngReader reader = new PngReader(PngChunks.parse(file, name), name);
    reader.readPixels();
    return new RgbImage(reader.png.width(), reader.png.height(), reader.rgb, name);
  }

  private void readPixels() {
    int bitsPerPixel = png.samples() * png.depth();
    int distance = Math.max(1, bitsPerPixel / 8);
    try (PngPixelData data = new PngPixelData(png, name)) {
      for (int[] pass : png.interlaced() ? ADAM7 : ONE_PASS) {
        int columns = (png.width() - pass[0] + pass[2] - 1) / pass[2];
        if (columns == 0) {
          continue;
        }
        int bytes = (int) (((long) columns * bitsPerPixel + 7) / 8);
        byte[] row = new byte[bytes];
        byte[] above = new byte[bytes];
        for (int y = pass[1]; y < png.height(); y += pass[3]) {
          int filter = data.read(row);
          unfilter(filter, row, above, distance);
          store(row, columns, pass, y);
          byte[] swap = above;
          above = row;
          row = swap;
        }
      }
    }
  }

  private void unfilter(int filter, byte[] row, byte[] above, int distance) {
    switch (filter) {
      case 0 -> {}
      case 1 -> {
        for (int i = distance; i < row.length; i++) {
          row[i] += row[i - distance];
        }
      }
      case 2 -> {
        for (int i = 0; i < row.length; i++) {
          row[i] += above[i];
        }
      }
      case 3 -> {
        for (int i = 0; i < row.length; i++) {
          int left = i < distance ? 0 : row[i - distance] & 0xFF;
          row[i] += (byte) ((left + (above[i] & 0xFF)) / 2);
        }
      }
      case 4 -> {
        for (int i = 0; i < row.length; i++) {
          int left = i < distance ? 0 : row[i - distance] & 0xFF;
          int corner = i < distance ? 0 : above[i - distance] & 0xFF;
          row[i] += (byte) paeth(left, above[i] & 0xFF, corner);
        }
      }
      default -> throw ImageDecoder.unreadable(name, "the PNG is damaged: row filter " + filter);
    }
  }

  private static int paeth(int left, int up, int corner) {
    int guess = left + up - corner;
    int toLeft = Math.abs(guess - left);
    int toUp = Math.abs(guess - up);
    int toCorner = Math.abs(guess - corner);
    if (toLeft <= toUp && toLeft <= toCorner) {
      return left;
    }
    return toUp <= toCorner ? up : corner;
  }

  private void store(byte[] row, int columns, int[] pass, int y) {
    int out = 3 * (y * png.width() + pass[0]);
    int next = 3 * pass[2];
    // Bytes of one sample; the high byte comes first and is the one that counts.
    int bytes = png.depth() == 16 ? 2 : 1;
    int pixel = png.samples() * bytes;
    for (int i = 0; i < columns; i++, out += next) {
      switch (png.colour()) {
        case PngChunks.GREY -> grey(out, greyLevel(row, i));
        case PngChunks.GREY_ALPHA -> grey(out, row[i * pixel]);
        case PngChunks.PALETTE -> palette(out, packed(row, i));
        default -> {
          rgb[out] = row[i * pixel];
          rgb[out + 1] = row[i * pixel + bytes];
          rgb[out + 2] = row[i * pixel + 2 * bytes];
        }
      }
    }
  }

  private void grey(int out, byte level) {
    rgb[out] = level;
    rgb[out + 1] = level;
    rgb[out + 2] = level;
  }

  /** Full range to 0..255: 16 bits by the nearest of v/257, less than 8 by repetition. */
  private byte greyLevel(byte[] row, int i) {
    if (png.depth() == 16) {
      int level = ((row[2 * i] & 0xFF) << 8) | (row[2 * i + 1] & 0xFF);
      return (byte) ((level + 128) / 257);
    }
    return (byte) (packed(row, i) * (255 / ((1 << png.depth()) - 1)));
  }

  /** Sample i of a row of 1, 2, 4 or 8 bits per sample. */
  private int packed(byte[] row, int i) {
    int bit = i * png.depth();
    int shift = 8 - png.depth() - bit % 8;
    return ((row[bit / 8] & 0xFF) >> shift) & ((1 << png.depth()) - 1);
  }

  /** An index beyond the palette is black, as in Pillow. */
  private void palette(int out, int index) {
    byte[] palette = png.palette();
    if (3 * index + 2 < palette.length) {
      System.arraycopy(palette, 3 * index, rgb, out, 3);
    } else {
      Arrays.fill(rgb, out, out + 3, (byte) 0);
    }
  }
}
