package org.noisyquant.image;

/**
 * LZW as GIF has it: codes of growing width, low bits first, for strings of palette indices. Our
 * own, because Java's reader returns what it has where the codes end early.
 */
final class GifPixels {
  private static final int LARGEST_CODE_BITS = 12;
  private static final int TABLE = 1 << LARGEST_CODE_BITS;

  private final int[] prefix = new int[TABLE];
  private final byte[] last = new byte[TABLE];
  private final byte[] first = new byte[TABLE];
  private final int[] length = new int[TABLE];

  private final byte[] data;
  private final byte[] indices;
  private final String name;
  private int bit;
  private int filled;

  private GifPixels(byte[] data, int count, String name) {
    this.data = data;
    this.indices = new byte[count];
    this.name = name;
  }

  /** One palette index for each pixel of the frame, in the order of the file. */
  static byte[] indices(GifFrame frame, String name) {
    GifPixels pixels = new GifPixels(frame.data(), frame.columns() * frame.rows(), name);
    pixels.decode(frame.codeBits());
    return pixels.indices;
  }

  private void decode(int codeBits) {
    int clear = 1 << codeBits;
    int end = clear + 1;
    for (int i = 0; i < clear; i++) {
      last[i] = (byte) i;
      first[i] = (byte) i;
      length[i] = 1;
    }
    int next = end + 1;
    int bits = codeBits + 1;
    int previous = -1;
    while (filled < indices.length) {
      int code = read(bits);
      if (code == clear) {
        next = end + 1;
        bits = codeBits + 1;
        previous = -1;
        continue;
      }
      if (code == end) {
        throw tooFewPixels();
      }
      if (code > next || (previous < 0 && code > clear)) {
        throw ImageDecoder.unreadable(name, "the GIF is damaged: LZW code " + code + " of " + next);
      }
      if (previous >= 0 && next < TABLE) {
        // The string before this one, and the first index of this one, which may be that string.
        prefix[next] = previous;
        last[next] = first[code == next ? previous : code];
        first[next] = first[previous];
        length[next] = length[previous] + 1;
        next++;
        if (next == 1 << bits && bits < LARGEST_CODE_BITS) {
          bits++;
        }
      }
      store(code);
      previous = code;
    }
  }

  private void store(int code) {
    int start = filled;
    filled = (int) Math.min(indices.length, (long) start + length[code]);
    int string = code;
    for (int at = start + length[code] - 1; at >= start; at--) {
      if (at < indices.length) {
        indices[at] = last[string];
      }
      string = prefix[string];
    }
  }

  private int read(int bits) {
    if (bit + bits > 8L * data.length) {
      throw tooFewPixels();
    }
    int value = 0;
    for (int i = 0; i < bits; i++, bit++) {
      value |= ((data[bit >> 3] >> (bit & 7)) & 1) << i;
    }
    return value;
  }

  private RuntimeException tooFewPixels() {
    return ImageDecoder.unreadable(name, "the GIF is truncated: it has too few pixels");
  }
}
