package org.noisyquant.image;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.noisyquant.error.NoisyQuantException;

/**
 * What a BMP file says of itself, of Windows or OS/2, checked: after that its rows are there.
 *
 * @param width in pixels
 * @param height in pixels
 * @param topDown whether the first row of the file is the topmost
 * @param bits of a pixel: 1, 4, 8, 16, 24 or 32
 * @param runs whether rows are run-length encoded, which is so with 4 or 8 bits only
 * @param masks bits of red, green and blue in a pixel of 16 bits or more
 * @param palette colours of pixels of up to 8 bits
 * @param start byte of the file where rows begin
 */
@SuppressWarnings("ArrayRecordComponent") // lives for one decode; never compared
record BmpHeader(
    int width,
    int height,
    boolean topDown,
    int bits,
    boolean runs,
    int[] masks,
    Palette palette,
    int start) {
  private static final int FILE_HEADER = 14;

  /** Size of the header of OS/2 1.x, with sides of two bytes and colours of three. */
  private static final int CORE = 12;

  private static final int UNCOMPRESSED = 0;
  private static final int RUNS_8 = 1;
  private static final int RUNS_4 = 2;
  private static final int MASKS = 3;

  private static final int[] MASKS_15 = {0x7C00, 0x3E0, 0x1F};
  private static final int[] MASKS_24 = {0xFF0000, 0xFF00, 0xFF};

  /** Bytes from one row to the next where there are no runs. */
  int stride() {
    return (int) (((long) width * bits + 31) / 32 * 4);
  }

  static BmpHeader parse(byte[] file, String name) {
    return new Parser(file, name).parse();
  }

  private static final class Parser {
    private final ByteBuffer file;
    private final String name;

    Parser(byte[] file, String name) {
      this.file = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN);
      this.name = name;
    }

    BmpHeader parse() {
      need(FILE_HEADER + CORE);
      int size = file.getInt(FILE_HEADER);
      boolean core = size == CORE;
      if (!core
          && size != 40
          && size != 52
          && size != 56
          && size != 64
          && size != 108
          && size != 124) {
        throw unsupported("a header of " + Integer.toUnsignedString(size) + " bytes");
      }
      need(FILE_HEADER + size);
      int width = core ? Short.toUnsignedInt(file.getShort(18)) : file.getInt(18);
      long height = core ? Short.toUnsignedInt(file.getShort(20)) : file.getInt(22);
      int bits = file.getShort(core ? 24 : 28);
      int compression = core ? UNCOMPRESSED : file.getInt(30);
      ImageDecoder.checkSize(width, Math.abs(height), file.limit(), name);
      checkForm(bits, compression);
      int[] masks = compression == MASKS ? masks(bits) : bits == 16 ? MASKS_15 : MASKS_24;
      Palette palette = Palette.GREY;
      int afterHeader = FILE_HEADER + size;
      int start = file.getInt(10);
      if (bits <= 8) {
        int colours = core ? 0 : file.getInt(46);
        long count = colours == 0 ? 1L << bits : Integer.toUnsignedLong(colours);
        int entry = core ? 3 : 4;
        need(afterHeader + count * entry);
        palette = palette(afterHeader, (int) count, entry);
        // Some writers leave the palette out of the account.
        start = start == 0 || start == afterHeader ? afterHeader + (int) count * entry : start;
      }
      boolean runs = compression == RUNS_8 || compression == RUNS_4;
      BmpHeader header =
          new BmpHeader(
              width, (int) Math.abs(height), height < 0, bits, runs, masks, palette, start);
      checkRows(header);
      return header;
    }

    private void checkForm(int bits, int compression) {
      boolean fits =
          switch (compression) {
            case UNCOMPRESSED ->
                bits == 1 || bits == 4 || bits == 8 || bits == 16 || bits == 24 || bits == 32;
            case RUNS_8 -> bits == 8;
            case RUNS_4 -> bits == 4;
            case MASKS -> bits == 16 || bits == 32;
            default -> false;
          };
      if (!fits) {
        throw unsupported(
            bits + " bits per pixel with compression " + Integer.toUnsignedString(compression));
      }
    }

    private int[] masks(int bits) {
      int at = FILE_HEADER + 40;
      need(at + 12);
      int[] masks = {file.getInt(at), file.getInt(at + 4), file.getInt(at + 8)};
      if (bits == 32 && (masks[0] | masks[1] | masks[2]) == 0) {
        return MASKS_24;
      }
      for (int mask : masks) {
        int ones = Integer.bitCount(mask);
        if (ones < 1
            || ones > 8
            || mask >>> Integer.numberOfTrailingZeros(mask) != (1 << ones) - 1) {
          throw unsupported("the colour mask 0x" + Integer.toHexString(mask));
        }
      }
      return masks;
    }

    private Palette palette(int at, int count, int entry) {
      byte[] rgb = new byte[3 * Math.min(count, 256)];
      for (int i = 0; i < rgb.length; i++) {
        rgb[i] = file.get(at + i / 3 * entry + 2 - i % 3);
      }
      return Palette.ofRgb(rgb);
    }

    private void checkRows(BmpHeader header) {
      if (header.start < FILE_HEADER + CORE || header.start > file.limit()) {
        throw truncated();
      }
      if (!header.runs) {
        long lastRow = ((long) header.width * header.bits + 7) / 8;
        need(header.start + (long) header.stride() * (header.height - 1) + lastRow);
      }
    }

    private void need(long bytes) {
      if (bytes > file.limit()) {
        throw truncated();
      }
    }

    private NoisyQuantException truncated() {
      return ImageDecoder.unreadable(
          name, "the BMP is truncated: its " + file.limit() + " bytes are too few");
    }

    private NoisyQuantException unsupported(String what) {
      return ImageDecoder.unreadable(name, "it is a BMP of a form that is not read: " + what);
    }
  }
}
