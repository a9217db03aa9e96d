package org.noisyquant.image;

import java.util.Objects;

/** A decoded picture: 8-bit RGB, interleaved, rows from top to bottom. */
public final class RgbImage {
  private final int width;
  private final int height;
  private final byte[] rgb;
  private final String name;

  /**
   * Wraps pixels without a copy.
   *
   * @param rgb unsigned bytes [height, width, 3]
   * @param name what messages call this picture, such as its path
   */
  public RgbImage(int width, int height, byte[] rgb, String name) {
    this.width = width;
    this.height = height;
    this.rgb = rgb;
    this.name = Objects.requireNonNull(name);
    if (width < 1 || height < 1 || rgb.length != 3L * width * height) {
      throw new IllegalArgumentException(
          name + ": " + rgb.length + " bytes for " + width + "x" + height + " RGB pixels");
    }
  }

  /** Width in pixels. */
  public int width() {
    return width;
  }

  /** Height in pixels. */
  public int height() {
    return height;
  }

  /** The pixels themselves, unsigned bytes [height, width, 3]; not to be changed. */
  public byte[] rgb() {
    return rgb;
  }

  /** What messages call this picture. */
  public String name() {
    return name;
  }
}
