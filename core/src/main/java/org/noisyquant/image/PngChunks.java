package org.noisyquant.image;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.zip.CRC32;
import org.noisyquant.error.NoisyQuantException;

/**
 * The chunks of a PNG file that make its pixels, checked.
 *
 * @param width in pixels
 * @param height in pixels
 * @param depth bits per sample
 * @param colour colour type of the header
 * @param interlaced whether pixels come in Adam7's passes
 * @param palette RGB bytes; empty where the colour type has none
 * @param data the compressed pixels, in pieces that share the file's bytes
 */
@SuppressWarnings("ArrayRecordComponent") // lives for one decode; never compared
record PngChunks(
    int width,
    int height,
    int depth,
    int colour,
    boolean interlaced,
    byte[] palette,
    List<ByteBuffer> data) {
  static final int GREY = 0;
  static final int RGB = 2;
  static final int PALETTE = 3;
  static final int GREY_ALPHA = 4;
  static final int RGB_ALPHA = 6;

  /** Deflate cannot do better: a small file that claims more must not cost memory. */
  private static final long LARGEST_RATIO = 1032;

  /** Samples of a pixel. */
  int samples() {
    return switch (colour) {
      case GREY, PALETTE -> 1;
      case GREY_ALPHA -> 2;
      case RGB -> 3;
      default -> 4;
    };
  }

  static PngChunks parse(byte[] file, String name) {
    ByteBuffer buffer = ByteBuffer.wrap(file);
    buffer.position(8);
    ByteBuffer header = null;
    byte[] palette = {};
    List<ByteBuffer> data = new ArrayList<>();
    while (true) {
      if (buffer.remaining() < 12) {
        throw truncated(file, name);
      }
      int length = buffer.getInt();
      int type = buffer.position();
      if (length < 0) {
        throw damaged(name, "a chunk of " + Integer.toUnsignedString(length) + " bytes");
      }
      if (length > buffer.remaining() - 8) {
        throw truncated(file, name);
      }
      String kind = new String(file, type, 4, StandardCharsets.ISO_8859_1);
      buffer.position(type + 4 + length);
      int expected = buffer.getInt();
      // Lower case: ancillary. What they say is not read, so whether it is intact does not matter.
      if (!Character.isUpperCase(kind.charAt(0))) {
        continue;
      }
      if (checksum(file, type, 4 + length) != expected) {
        throw damaged(name, "wrong checksum of chunk " + kind);
      }
      if ((header == null) != kind.equals("IHDR")) {
        throw damaged(name, "chunk " + kind + (header == null ? " before" : " after") + " IHDR");
      }
      ByteBuffer body = buffer.slice(type + 4, length);
      switch (kind) {
        case "IHDR" -> header = checkedHeader(body, name);
        case "PLTE" -> palette = Arrays.copyOfRange(file, type + 4, type + 4 + length);
        case "IDAT" -> data.add(body);
        case "IEND" -> {
          return checked(header, palette, data, name);
        }
        default -> throw damaged(name, "unknown critical chunk " + kind);
      }
    }
  }

  private static ByteBuffer checkedHeader(ByteBuffer header, String name) {
    if (header.remaining() != 13) {
      throw damaged(name, "a header of " + header.remaining() + " bytes");
    }
    ImageDecoder.checkSize(
        Integer.toUnsignedLong(header.getInt(0)), Integer.toUnsignedLong(header.getInt(4)), name);
    int depth = header.get(8);
    int colour = header.get(9);
    boolean fits =
        switch (colour) {
          case GREY -> depth == 1 || depth == 2 || depth == 4 || depth == 8 || depth == 16;
          case PALETTE -> depth == 1 || depth == 2 || depth == 4 || depth == 8;
          case RGB, GREY_ALPHA, RGB_ALPHA -> depth == 8 || depth == 16;
          default -> false;
        };
    if (!fits) {
      throw damaged(name, "colour type " + colour + " with bit depth " + depth);
    }
    if (header.get(10) != 0 || header.get(11) != 0 || header.get(12) < 0 || header.get(12) > 1) {
      throw damaged(name, "unknown compression, filter or interlace method");
    }
    return header;
  }

  private static PngChunks checked(
      ByteBuffer header, byte[] palette, List<ByteBuffer> data, String name) {
    PngChunks png =
        new PngChunks(
            header.getInt(0),
            header.getInt(4),
            header.get(8),
            header.get(9),
            header.get(12) == 1,
            palette,
            List.copyOf(data));
    if (png.colour == PALETTE && palette.length == 0) {
      throw damaged(name, "a palette image without palette");
    }
    long compressed = data.stream().mapToLong(ByteBuffer::remaining).sum();
    long bytes = (long) png.width * png.height * png.samples() * png.depth() / 8;
    if (bytes > LARGEST_RATIO * (compressed + 1)) {
      throw ImageDecoder.unreadable(name, "the PNG is truncated: it has too few pixels");
    }
    return png;
  }

  private static int checksum(byte[] file, int start, int length) {
    CRC32 crc = new CRC32();
    crc.update(file, start, length);
    return (int) crc.getValue();
  }

  private static NoisyQuantException truncated(byte[] file, String name) {
    return ImageDecoder.unreadable(
        name, "the PNG is truncated: no end chunk within its " + file.length + " bytes");
  }

  private static NoisyQuantException damaged(String name, String what) {
    return ImageDecoder.unreadable(name, "the PNG is damaged: " + what);
  }
}
