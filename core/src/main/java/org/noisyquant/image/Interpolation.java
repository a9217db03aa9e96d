package org.noisyquant.image;

import java.util.Locale;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * How pixels are weighted when a picture is resized, with Pillow's number and timm's name. The
 * weight of a pixel at distance x (in pixels of the coarser of the two grids) is {@link
 * #weight(double)}, zero beyond {@link #support()}.
 */
public enum Interpolation {
  /** The pixel that the centre falls into; no weights. */
  NEAREST(0, 0),
  /** sinc(x)·sinc(x/3). */
  LANCZOS(1, 3),
  /** The triangle 1 − |x|. */
  BILINEAR(2, 1),
  /** Keys' cubic with a = −0.5. */
  BICUBIC(3, 2),
  /** All pixels within half a pixel, equally. */
  BOX(4, 0.5),
  /** sinc(x) in a Hamming window. */
  HAMMING(5, 1);

  private final int pillowNumber;
  private final double support;

  Interpolation(int pillowNumber, double support) {
    this.pillowNumber = pillowNumber;
    this.support = support;
  }

  /** The filter of Pillow's number, if there is one. */
  static Optional<Interpolation> ofPillowNumber(int number) {
    return Stream.of(values()).filter(filter -> filter.pillowNumber == number).findFirst();
  }

  /** The filter of timm's name, if there is one. */
  static Optional<Interpolation> ofTimmName(String name) {
    return Stream.of(values()).filter(filter -> filter.timmName().equals(name)).findFirst();
  }

  /** Pillow's number of this filter, as in {@code preprocessor_config.json}. */
  public int pillowNumber() {
    return pillowNumber;
  }

  /** timm's name of this filter, as in {@code config.json}. */
  public String timmName() {
    return name().toLowerCase(Locale.ROOT);
  }

  /** Largest distance with a weight, before widening for antialiasing. */
  double support() {
    return support;
  }

  /** Weight at distance x, not normalised. */
  double weight(double x) {
    double distance = Math.abs(x);
    return switch (this) {
      case NEAREST -> throw new IllegalStateException("nearest has no weights");
      case LANCZOS -> distance < 3 ? sinc(x) * sinc(x / 3) : 0;
      case BILINEAR -> distance < 1 ? 1 - distance : 0;
      case BICUBIC -> cubic(distance);
      // Half open, so that a pixel on the border between two boxes counts once.
      case BOX -> x > -0.5 && x <= 0.5 ? 1 : 0;
      case HAMMING -> distance < 1 ? sinc(x) * (0.54 + 0.46 * StrictMath.cos(Math.PI * x)) : 0;
    };
  }

  private static double cubic(double x) {
    double a = -0.5;
    if (x < 1) {
      return ((a + 2) * x - (a + 3)) * x * x + 1;
    }
    return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
  }

  private static double sinc(double x) {
    if (x == 0) {
      return 1;
    }
    double angle = x * Math.PI;
    return StrictMath.sin(angle) / angle;
  }
}
