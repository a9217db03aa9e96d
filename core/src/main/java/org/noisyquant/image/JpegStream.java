package org.noisyquant.image;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HexFormat;
import org.noisyquant.error.NoisyQuantException;

/**
 * The markers of a JPEG file. They are read here, not by the decoder, because three things depend
 * on them that Java's decoder treats unlike libjpeg or not at all: the colour space (Java guesses
 * RGB where there is no JFIF marker), the colour profile (Java applies it), and whether the file
 * ends where it says.
 *
 * @param width in pixels
 * @param height in pixels
 * @param colours what its components are, by libjpeg's rules
 * @param content the same picture without profile, EXIF and comments, its colour space declared
 *     beyond doubt, ending at its end marker
 */
@SuppressWarnings("ArrayRecordComponent") // lives for one decode; never compared
record JpegStream(int width, int height, Colours colours, byte[] content) {
  enum Colours {
    GREY,
    YCBCR,
    RGB,
    CMYK,
    YCCK
  }

  private static final int SOI = 0xD8;
  private static final int EOI = 0xD9;
  private static final int SOS = 0xDA;
  private static final int APP0 = 0xE0;
  private static final int APP14 = 0xEE;
  private static final int APP15 = 0xEF;
  private static final int COM = 0xFE;

  private static final byte[] JFIF =
      HexFormat.of().parseHex("FFD8FFE000104A46494600010100000100010000");

  /** Adobe's marker with transform 0: the decoder leaves three or four components as they are. */
  private static final byte[] UNTRANSFORMED =
      HexFormat.of().parseHex("FFD8FFEE000E41646F626500640000000000");

  static JpegStream parse(byte[] file, String name) {
    return new Parser(file, name).parse();
  }

  private static final class Parser {
    private final byte[] file;
    private final String name;
    private final ByteArrayOutputStream kept;
    private boolean jfif;
    private int adobeTransform = -1;
    private int width;
    private int height;
    private int[] components = {};

    Parser(byte[] file, String name) {
      this.file = file;
      this.name = name;
      this.kept = new ByteArrayOutputStream(file.length);
    }

    JpegStream parse() {
      int at = 2;
      while (true) {
        at = nextMarker(at);
        int marker = unsigned(at);
        if (marker == SOS) {
          break;
        }
        if (marker == EOI) {
          throw ImageDecoder.unreadable(name, "the JPEG has no image data");
        }
        if (standsAlone(marker)) {
          at++;
          continue;
        }
        int end = segmentEnd(at);
        segment(marker, at + 3, end);
        if ((marker < APP0 || marker > APP15) && marker != COM) {
          kept.write(file, at - 1, end - at + 1);
        }
        at = end;
      }
      if (components.length == 0) {
        throw ImageDecoder.unreadable(name, "the JPEG has no frame header");
      }
      kept.write(file, at - 1, endOfImage(at) - at + 1);
      Colours colours = colours();
      boolean declared = colours == Colours.GREY || colours == Colours.YCBCR;
      return new JpegStream(
          width, height, colours, join(declared ? JFIF : UNTRANSFORMED, kept.toByteArray()));
    }

    private void segment(int marker, int start, int end) {
      if (marker == APP0 && end - start >= 14 && startsWith(start, "JFIF\0")) {
        jfif = true;
      } else if (marker == APP14 && end - start >= 12 && startsWith(start, "Adobe")) {
        adobeTransform = unsigned(start + 11);
      } else if (isFrame(marker)) {
        frame(start, end);
      }
    }

    private void frame(int start, int end) {
      int count = end - start < 6 ? 0 : unsigned(start + 5);
      if (count == 0 || end - start < 6 + 3 * count) {
        throw ImageDecoder.unreadable(name, "its JPEG frame header is damaged");
      }
      if (unsigned(start) != 8) {
        throw ImageDecoder.unreadable(
            name, "it is a JPEG of " + unsigned(start) + " bits per sample; 8 are read");
      }
      height = twoBytes(start + 1);
      width = twoBytes(start + 3);
      ImageDecoder.checkSize(width, height, file.length, name);
      components = new int[count];
      for (int i = 0; i < count; i++) {
        components[i] = unsigned(start + 6 + 3 * i);
      }
    }

    private Colours colours() {
      return switch (components.length) {
        case 1 -> Colours.GREY;
        case 3 -> threeColours();
        case 4 -> adobeTransform > 0 ? Colours.YCCK : Colours.CMYK;
        default ->
            throw ImageDecoder.unreadable(
                name, "it is a JPEG of " + components.length + " components; 1, 3 or 4 are read");
      };
    }

    private Colours threeColours() {
      boolean namedRgb = Arrays.equals(components, new int[] {'R', 'G', 'B'});
      boolean rgb = !jfif && (adobeTransform == 0 || (adobeTransform < 0 && namedRgb));
      return rgb ? Colours.RGB : Colours.YCBCR;
    }

    /** Position after the end marker; entropy-coded data, its restarts and later tables between. */
    private int endOfImage(int scan) {
      int at = segmentEnd(scan);
      while (true) {
        while (at < file.length && file[at] != (byte) 0xFF) {
          at++;
        }
        at = nextMarker(at);
        int marker = unsigned(at);
        if (marker == EOI) {
          return at + 1;
        }
        at = marker == 0 || standsAlone(marker) ? at + 1 : segmentEnd(at);
      }
    }

    /** Position of a marker's code, which any number of fill bytes 0xFF may come before. */
    private int nextMarker(int at) {
      if (at >= file.length) {
        throw truncated();
      }
      if (file[at] != (byte) 0xFF) {
        throw ImageDecoder.unreadable(name, "the JPEG is damaged at byte " + at);
      }
      int code = at;
      while (code < file.length && file[code] == (byte) 0xFF) {
        code++;
      }
      if (code >= file.length) {
        throw truncated();
      }
      return code;
    }

    private int segmentEnd(int marker) {
      if (marker + 3 > file.length) {
        throw truncated();
      }
      int length = twoBytes(marker + 1);
      if (length < 2) {
        throw ImageDecoder.unreadable(name, "the JPEG is damaged at byte " + marker);
      }
      if (marker + 1 + length > file.length) {
        throw truncated();
      }
      return marker + 1 + length;
    }

    private NoisyQuantException truncated() {
      return ImageDecoder.unreadable(
          name, "the JPEG is truncated: no end marker within its " + file.length + " bytes");
    }

    /** A frame header of any coding process; 0xC4, 0xC8 and 0xCC are other things. */
    private static boolean isFrame(int marker) {
      return marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
    }

    /** Markers without a segment: TEM, RST0 to RST7, SOI. */
    private static boolean standsAlone(int marker) {
      return marker == 0x01 || (marker >= 0xD0 && marker <= SOI);
    }

    private boolean startsWith(int at, String text) {
      byte[] expected = text.getBytes(StandardCharsets.ISO_8859_1);
      return Arrays.equals(file, at, at + expected.length, expected, 0, expected.length);
    }

    private int twoBytes(int at) {
      return (unsigned(at) << 8) | unsigned(at + 1);
    }

    private int unsigned(int at) {
      return Byte.toUnsignedInt(file[at]);
    }

    private static byte[] join(byte[] first, byte[] second) {
      byte[] both = Arrays.copyOf(first, first.length + second.length);
      System.arraycopy(second, 0, both, first.length, second.length);
      return both;
    }
  }
}
