package org.noisyquant.image;

import java.util.zip.DataFormatException;
import java.util.zip.Inflater;

/** The decompressed rows of a PNG file, one after another, without a buffer for all of them. */
final class PngPixelData implements AutoCloseable {
  private final Inflater inflater = new Inflater();
  private final PngChunks png;
  private final String name;
  private final byte[] filter = new byte[1];
  private int piece;

  PngPixelData(PngChunks png, String name) {
    this.png = png;
    this.name = name;
  }

  /** Fills the next row and returns its filter. */
  int read(byte[] row) {
    fill(filter);
    fill(row);
    return filter[0];
  }

  private void fill(byte[] target) {
    int filled = 0;
    try {
      while (filled < target.length) {
        int count = inflater.inflate(target, filled, target.length - filled);
        filled += count;
        if (count == 0) {
          refill();
        }
      }
    } catch (DataFormatException e) {
      throw ImageDecoder.unreadable(name, "the PNG is damaged (" + e.getMessage() + ")", e);
    }
  }

  private void refill() {
    if (inflater.finished() || inflater.needsDictionary() || piece == png.data().size()) {
      throw ImageDecoder.unreadable(name, "the PNG is truncated: it has too few pixels");
    }
    inflater.setInput(png.data().get(piece++).duplicate());
  }

  @Override
  public void close() {
    inflater.end();
  }
}
