package org.noisyquant.image;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HexFormat;
import org.noisyquant.error.ErrorCode;
import org.noisyquant.error.NoisyQuantException;

/**
 * Decodes JPEG, PNG, BMP, and of GIF and lossless WebP the first frame to the pixels of Pillow's
 * {@code Image.open(file).convert("RGB")}: colour profiles, gamma and the EXIF orientation are not
 * applied, alpha is dropped, CMYK is converted the naive way. What a file is, its content says and
 * not its name. Two differences are meant: 16-bit grey is scaled to 8 bits (Pillow clips it), and a
 * damaged file is an error also where Pillow would show what is left of it. Safe for any number of
 * threads.
 */
public final class ImageDecoder {
  /** Largest picture that is decoded, in pixels: the limit of Pillow. */
  public static final long MAX_PIXELS = 178_956_970;

  /** A picture of up to so many pixels is decoded however small its file is. */
  private static final long UNQUESTIONED_PIXELS = 1 << 24;

  /** Beyond the densest of GIF (12 bits for 4096 pixels) and JPEG (one bit for 64). */
  private static final long MOST_PIXELS_PER_BYTE = 4096;

  private ImageDecoder() {}

  /**
   * The picture in a file.
   *
   * @param content the whole file
   * @param name what messages call it, such as its path
   * @throws NoisyQuantException IMAGE_UNREADABLE if it is of none of these formats, truncated,
   *     damaged, of a form that is not supported, or larger than {@link #MAX_PIXELS}
   */
  public static RgbImage decode(byte[] content, String name) {
    if (content.length == 0) {
      throw unreadable(name, "the file is empty");
    }
    if (startsWith(content, "FFD8FF")) {
      return JpegReader.read(content, name);
    }
    if (startsWith(content, PngReader.SIGNATURE)) {
      return PngReader.read(content, name);
    }
    if (startsWith(content, "474946383761") || startsWith(content, "474946383961")) {
      return GifReader.read(content, name);
    }
    if (startsWith(content, "424D")) {
      return BmpReader.read(content, name);
    }
    if (startsWith(content, "52494646") && has(content, 8, "57454250")) {
      return WebpReader.read(content, name);
    }
    throw unreadable(name, otherFormat(content) + "; JPEG, PNG, GIF, BMP and WebP are read");
  }

  private static String otherFormat(byte[] content) {
    String start =
        new String(content, 0, Math.min(content.length, 12), StandardCharsets.ISO_8859_1);
    if (start.startsWith("II*\0") || start.startsWith("MM\0*")) {
      return "it is a TIFF image";
    }
    return "it is no image of a known format (it starts with 0x"
        + HexFormat.of().formatHex(content, 0, Math.min(content.length, 8))
        + ")";
  }

  private static boolean startsWith(byte[] content, String hex) {
    return has(content, 0, hex);
  }

  private static boolean has(byte[] content, int at, String hex) {
    byte[] expected = HexFormat.of().parseHex(hex);
    int end = at + expected.length;
    return content.length >= end && Arrays.equals(content, at, end, expected, 0, expected.length);
  }

  /**
   * Refuses sizes that are absurd, or absurd for a file of so few bytes, before anything of that
   * size is allocated.
   */
  static void checkSize(long width, long height, int bytes, String name) {
    checkSize(width, height, name);
    long pixels = width * height;
    if (pixels > UNQUESTIONED_PIXELS && pixels > MOST_PIXELS_PER_BYTE * bytes) {
      throw unreadable(name, header(width, height) + ", which its " + bytes + " bytes cannot hold");
    }
  }

  /** Refuses absurd sizes before anything of that size is allocated. */
  static void checkSize(long width, long height, String name) {
    if (width < 1 || height < 1) {
      throw unreadable(name, header(width, height));
    }
    if (width * height > MAX_PIXELS) {
      throw unreadable(
          name, header(width, height) + ", more than the " + MAX_PIXELS + " that are read");
    }
  }

  private static String header(long width, long height) {
    return "its header says " + width + "x" + height + " pixels";
  }

  static NoisyQuantException unreadable(String name, String reason) {
    return new NoisyQuantException(ErrorCode.IMAGE_UNREADABLE, message(name, reason));
  }

  static NoisyQuantException unreadable(String name, String reason, Exception cause) {
    return new NoisyQuantException(ErrorCode.IMAGE_UNREADABLE, message(name, reason), cause);
  }

  private static String message(String name, String reason) {
    return "cannot read image " + name + ": " + reason + ". Replace or remove the file";
  }
}
