package org.noisyquant.image;

import com.twelvemonkeys.imageio.plugins.webp.WebPImageReaderSpi;
import java.awt.image.Raster;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import javax.imageio.IIOException;
import javax.imageio.spi.ImageReaderSpi;
import javax.imageio.stream.MemoryCacheImageInputStream;

/**
 * Lossless WebP, or the first frame of an animation of such, to RGB by TwelveMonkeys' decoder;
 * alpha is dropped, and what the frame leaves of the picture is black, as in Pillow. Lossy WebP is
 * refused: there that decoder (3.14) is off by 4 to 10 levels on average, and by far more for some
 * encoders.
 */
final class WebpReader {
  /** Made here, not looked up: the service loader sees no classes of a job's jar on executors. */
  private static final ImageReaderSpi DECODER = new WebPImageReaderSpi();

  private WebpReader() {}

  static RgbImage read(byte[] file, String name) {
    WebpFrame frame = WebpFrame.parse(file, name);
    Raster raster =
        ImageIoDecoder.raster(
            DECODER,
            new Stream(frame.content()),
            reader -> reader.read(0).getRaster(),
            warning -> true,
            "WebP",
            name);
    byte[] rgb = new byte[3 * frame.width() * frame.height()];
    int bands = raster.getNumBands();
    byte[] row = new byte[bands * frame.columns()];
    for (int y = 0; y < frame.rows(); y++) {
      raster.getDataElements(0, y, frame.columns(), 1, row);
      int out = 3 * ((frame.top() + y) * frame.width() + frame.left());
      for (int x = 0; x < frame.columns(); x++, out += 3) {
        System.arraycopy(row, x * bands, rgb, out, 3);
      }
    }
    return new RgbImage(frame.width(), frame.height(), rgb, name);
  }

  /**
   * Where it ends, reading is an error that the decoder does not take for zeros: it would make
   * pixels, and tables for as many codes as there are pixels, of a stream that is cut short.
   */
  private static final class Stream extends MemoryCacheImageInputStream {
    Stream(byte[] content) {
      super(new ByteArrayInputStream(content));
    }

    @Override
    public int read() throws IOException {
      int value = super.read();
      if (value < 0) {
        throw new IIOException("its stream is truncated");
      }
      return value;
    }
  }
}
