package org.noisyquant.image;

/**
 * Four-colour pixels to RGB, as libjpeg (YCCK to CMYK) and Pillow (CMYK to RGB) do it: in fixed
 * point, without a colour profile. JPEG files hold CMYK inverted, 255 for no ink, as Adobe writes
 * it.
 */
final class InkColours {
  /** Fraction bits of the YCbCr coefficients. */
  private static final int SCALE_BITS = 16;

  private static final int HALF = 1 << (SCALE_BITS - 1);
  private static final int RED_FROM_CR = fixed(1.402);
  private static final int BLUE_FROM_CB = fixed(1.772);
  private static final int GREEN_FROM_CR = fixed(0.71414);
  private static final int GREEN_FROM_CB = fixed(0.34414);

  private InkColours() {}

  /** In place: C, M, Y = 255 − R, G, B of the first three components; K stays. */
  static void ycckToCmyk(byte[] pixels) {
    for (int i = 0; i < pixels.length; i += 4) {
      int y = pixels[i] & 0xFF;
      int cb = (pixels[i + 1] & 0xFF) - 128;
      int cr = (pixels[i + 2] & 0xFF) - 128;
      int red = y + ((RED_FROM_CR * cr + HALF) >> SCALE_BITS);
      int green = y + ((-GREEN_FROM_CB * cb - GREEN_FROM_CR * cr + HALF) >> SCALE_BITS);
      int blue = y + ((BLUE_FROM_CB * cb + HALF) >> SCALE_BITS);
      pixels[i] = clip(255 - red);
      pixels[i + 1] = clip(255 - green);
      pixels[i + 2] = clip(255 - blue);
    }
  }

  /** R = 255 − K − C·(255 − K)/255, likewise G and B, with C, M, Y, K = 255 − stored. */
  static void invertedCmykToRgb(byte[] pixels, byte[] rgb, int start) {
    int out = start;
    for (int i = 0; i < pixels.length; i += 4, out += 3) {
      int light = pixels[i + 3] & 0xFF;
      for (int c = 0; c < 3; c++) {
        int ink = 255 - (pixels[i + c] & 0xFF);
        rgb[out + c] = clip(light - timesOver255(ink, light));
      }
    }
  }

  /** a·b/255 to the nearest integer. */
  private static int timesOver255(int a, int b) {
    int product = a * b + 128;
    return ((product >> 8) + product) >> 8;
  }

  private static int fixed(double coefficient) {
    return (int) (coefficient * (1 << SCALE_BITS) + 0.5);
  }

  private static byte clip(int value) {
    return (byte) Math.max(0, Math.min(255, value));
  }
}
