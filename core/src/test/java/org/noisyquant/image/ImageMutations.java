package org.noisyquant.image;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.zip.CRC32;
import org.noisyquant.image.ImageForms.Form;

/**
 * Damaged copies of image files, the same for the same seed. Half of them have their checksums and
 * lengths put right after that, or a decoder would see no more than its first check.
 */
final class ImageMutations {
  /** As much of a file as is mostly header, where damage does most. */
  private static final int START = 64;

  private static final int MOST_CHANGES = 3;
  private static final byte[] EXTREMES = {0, 1, 0x7F, (byte) 0x80, (byte) 0xFE, (byte) 0xFF};

  private final List<Form> forms;
  private final Random random;

  ImageMutations(List<Form> forms, long seed) {
    this.forms = forms;
    this.random = new Random(seed);
  }

  byte[] next() {
    byte[] content = any().clone();
    int changes = 1 + random.nextInt(MOST_CHANGES);
    for (int i = 0; i < changes && content.length > 0; i++) {
      content = changed(content);
    }
    return random.nextBoolean() ? repaired(content) : content;
  }

  private byte[] any() {
    return forms.get(random.nextInt(forms.size())).content();
  }

  private byte[] changed(byte[] content) {
    int reach = random.nextBoolean() ? Math.min(START, content.length) : content.length;
    int at = random.nextInt(reach);
    switch (random.nextInt(10)) {
      case 0, 1, 2, 3 -> content[at] ^= (byte) (1 << random.nextInt(8));
      case 4, 5 -> content[at] = (byte) random.nextInt();
      case 6 -> {
        int end = Math.min(content.length, at + 1 + random.nextInt(4));
        Arrays.fill(content, at, end, EXTREMES[random.nextInt(EXTREMES.length)]);
      }
      case 7 -> {
        return Arrays.copyOf(content, at);
      }
      case 8 -> {
        return joined(content, at, content, Math.min(content.length, at + random.nextInt(40)));
      }
      default -> {
        byte[] other = any();
        return joined(content, at, other, other.length == 0 ? 0 : random.nextInt(other.length));
      }
    }
    return content;
  }

  /** The one file up to a byte, and the other from a byte on. */
  private static byte[] joined(byte[] first, int end, byte[] second, int start) {
    byte[] joined = Arrays.copyOf(first, end + second.length - start);
    System.arraycopy(second, start, joined, end, second.length - start);
    return joined;
  }

  private static byte[] repaired(byte[] content) {
    String start = new String(content, 0, Math.min(content.length, 4), StandardCharsets.ISO_8859_1);
    if (start.equals("\u0089PNG")) {
      repairChecksums(content);
    } else if (start.equals("RIFF") && content.length >= 8) {
      ByteBuffer.wrap(content).order(ByteOrder.LITTLE_ENDIAN).putInt(4, content.length - 8);
    }
    return content;
  }

  private static void repairChecksums(byte[] png) {
    ByteBuffer buffer = ByteBuffer.wrap(png);
    for (int at = 8; at + 12 <= png.length; ) {
      int length = buffer.getInt(at);
      if (length < 0 || length > png.length - at - 12) {
        return;
      }
      CRC32 crc = new CRC32();
      crc.update(png, at + 4, 4 + length);
      buffer.putInt(at + 8 + length, (int) crc.getValue());
      at += 12 + length;
    }
  }
}
