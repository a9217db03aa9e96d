package org.noisyquant.image;

import java.io.Serializable;
import java.util.Objects;

/** How a picture of any size comes to the size that is cropped, or goes into the model as it is. */
public sealed interface Resize extends Serializable {
  /** How pixels are weighted. */
  Interpolation interpolation();

  /**
   * Height after resizing a picture, in pixels.
   *
   * @param height of the picture
   * @param width of the picture
   */
  long resizedHeight(int height, int width);

  /** Width after resizing a picture, in pixels; see {@link #resizedHeight}. */
  long resizedWidth(int height, int width);

  /**
   * Whether pictures come out at height x width: by cropping the middle, or as they are. Where
   * pictures are not resized, only they can tell.
   */
  boolean canGive(int height, int width, boolean cropped);

  /** Pictures stay as they are. */
  record None() implements Resize {
    @Override
    public Interpolation interpolation() {
      return Interpolation.NEAREST;
    }

    @Override
    public long resizedHeight(int height, int width) {
      return height;
    }

    @Override
    public long resizedWidth(int height, int width) {
      return width;
    }

    @Override
    public boolean canGive(int height, int width, boolean cropped) {
      return true;
    }
  }

  /**
   * To one size, whatever the shape of the picture.
   *
   * @param height in pixels
   * @param width in pixels
   * @param interpolation how pixels are weighted
   */
  record Exact(int height, int width, Interpolation interpolation) implements Resize {
    /** Checks the size. */
    public Exact {
      Objects.requireNonNull(interpolation);
      if (height < 1 || width < 1) {
        throw new IllegalArgumentException("resize to " + height + "x" + width);
      }
    }

    @Override
    public long resizedHeight(int imageHeight, int imageWidth) {
      return height;
    }

    @Override
    public long resizedWidth(int imageHeight, int imageWidth) {
      return width;
    }

    @Override
    public boolean canGive(int modelHeight, int modelWidth, boolean cropped) {
      return cropped
          ? height >= modelHeight && width >= modelWidth
          : height == modelHeight && width == modelWidth;
    }
  }

  /**
   * So that the shorter edge has the given length and the shape stays.
   *
   * @param edge length of the shorter edge in pixels
   * @param rounding of the longer edge
   * @param interpolation how pixels are weighted
   */
  record ShortestEdge(int edge, LongEdgeRounding rounding, Interpolation interpolation)
      implements Resize {
    /** Checks the length. */
    public ShortestEdge {
      Objects.requireNonNull(rounding);
      Objects.requireNonNull(interpolation);
      if (edge < 1) {
        throw new IllegalArgumentException("resize to shortest edge " + edge);
      }
    }

    @Override
    public long resizedHeight(int height, int width) {
      return scaled(height, Math.min(height, width));
    }

    @Override
    public long resizedWidth(int height, int width) {
      return scaled(width, Math.min(height, width));
    }

    private long scaled(int length, int shorter) {
      double exact = (double) edge * length / shorter;
      return switch (rounding) {
        case ROUND -> (long) Math.rint(exact);
        case TRUNCATE -> (long) exact;
      };
    }

    @Override
    public boolean canGive(int height, int width, boolean cropped) {
      return cropped && edge >= Math.max(height, width);
    }
  }

  /** What the longer edge becomes where its exact length is a fraction. */
  enum LongEdgeRounding {
    /** The nearest length, half to even: timm's resize that keeps the ratio. */
    ROUND,
    /** The next smaller length: Hugging Face and torchvision. */
    TRUNCATE
  }
}
