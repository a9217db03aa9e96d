package org.noisyquant.image;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HexFormat;
import org.noisyquant.error.ErrorCode;
import org.noisyquant.error.NoisyQuantException;

/**
 * Decodes JPEG and PNG to the pixels of Pillow's {@code Image.open(file).convert("RGB")}: colour
 * profiles, gamma and the EXIF orientation are not applied, alpha is dropped, CMYK is converted the
 * naive way. Two differences are meant: 16-bit grey is scaled to 8 bits (Pillow clips it), and a
 * damaged file is an error also where Pillow would show what is left of it. Safe for any number of
 * threads.
 */
public final class ImageDecoder {
  /** Largest picture that is decoded, in pixels: the limit of Pillow. */
  public static final long MAX_PIXELS = 178_956_970;

  private ImageDecoder() {}

  /**
   * The picture in a file.
   *
   * @param content the whole file
   * @param name what messages call it, such as its path
   * @throws NoisyQuantException IMAGE_UNREADABLE if it is no JPEG or PNG, truncated, damaged, of a
   *     form that is not supported, or larger than {@link #MAX_PIXELS}
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
    throw unreadable(name, otherFormat(content) + "; only JPEG and PNG are read");
  }

  private static String otherFormat(byte[] content) {
    String start =
        new String(content, 0, Math.min(content.length, 12), StandardCharsets.ISO_8859_1);
    if (start.startsWith("GIF8")) {
      return "it is a GIF image";
    }
    if (start.startsWith("RIFF") && start.endsWith("WEBP")) {
      return "it is a WebP image";
    }
    if (start.startsWith("BM")) {
      return "it is a BMP image";
    }
    if (start.startsWith("II*\0") || start.startsWith("MM\0*")) {
      return "it is a TIFF image";
    }
    return "it is no image of a known format (it starts with 0x"
        + HexFormat.of().formatHex(content, 0, Math.min(content.length, 8))
        + ")";
  }

  private static boolean startsWith(byte[] content, String hex) {
    byte[] start = HexFormat.of().parseHex(hex);
    return content.length >= start.length
        && Arrays.equals(content, 0, start.length, start, 0, start.length);
  }

  /** Refuses absurd sizes before anything of that size is allocated. */
  static void checkSize(long width, long height, String name) {
    if (width < 1 || height < 1) {
      throw unreadable(name, "its header says " + width + "x" + height + " pixels");
    }
    if (width * height > MAX_PIXELS) {
      throw unreadable(
          name,
          "its header says "
              + width
              + "x"
              + height
              + " pixels, more than the "
              + MAX_PIXELS
              + " that are read");
    }
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
