package org.noisyquant.image;

import java.util.Arrays;

/**
 * The colours of an indexed picture as Pillow sees them: an index beyond them is black, but where
 * they are the greys 0, 1, 2 and so on it is the grey of that number.
 */
final class Palette {
  /** Every index is its own grey: of a picture without palette. */
  static final Palette GREY = ofRgb(new byte[0]);

  private static final int SIZE = 256;

  private final byte[] rgb;

  private Palette(byte[] rgb) {
    this.rgb = rgb;
  }

  /** Colours of three bytes, red first; what is beyond 256 of them cannot be used. */
  static Palette ofRgb(byte[] colours) {
    byte[] ramp = new byte[3 * SIZE];
    for (int i = 0; i < ramp.length; i++) {
      ramp[i] = (byte) (i / 3);
    }
    int length = Math.min(colours.length, ramp.length);
    boolean grey = Arrays.equals(colours, 0, length, ramp, 0, length);
    return new Palette(grey ? ramp : Arrays.copyOf(colours, ramp.length));
  }

  /** Writes the colour of an index of 0 to 255. */
  void store(int index, byte[] target, int at) {
    System.arraycopy(rgb, 3 * index, target, at, 3);
  }
}
