package org.noisyquant.image;

import java.awt.image.Raster;
import java.io.ByteArrayInputStream;
import java.util.Iterator;
import javax.imageio.spi.IIORegistry;
import javax.imageio.spi.ImageReaderSpi;
import javax.imageio.stream.MemoryCacheImageInputStream;

/**
 * JPEG by the decoder of the Java runtime: a libjpeg with the accurate integer DCT and smooth
 * chroma upsampling, as in Pillow. One rare form depends on the runtime: chroma that is halved
 * vertically only (4:4:0) is smoothed by libjpeg-turbo, which Linux distributions link, but not by
 * the libjpeg 6b that other builds bundle.
 */
final class JpegReader {
  /** Chosen by name, so that an ImageIO plugin on the class path cannot change the pixels. */
  private static final ImageReaderSpi DECODER =
      runtimeDecoder("com.sun.imageio.plugins.jpeg.JPEGImageReaderSpi");

  private JpegReader() {}

  static RgbImage read(byte[] file, String name) {
    JpegStream jpeg = JpegStream.parse(file, name);
    Raster raster = decode(jpeg, name);
    int width = jpeg.width();
    int height = jpeg.height();
    int bands = raster.getNumBands();
    byte[] rgb = new byte[3 * width * height];
    byte[] row = new byte[bands * width];
    for (int y = 0; y < height; y++) {
      raster.getDataElements(0, y, width, 1, row);
      int out = 3 * width * y;
      switch (jpeg.colours()) {
        case GREY -> {
          for (int x = 0; x < width; x++, out += 3) {
            rgb[out] = row[x];
            rgb[out + 1] = row[x];
            rgb[out + 2] = row[x];
          }
        }
        case YCBCR, RGB -> System.arraycopy(row, 0, rgb, out, 3 * width);
        case YCCK -> {
          InkColours.ycckToCmyk(row);
          InkColours.invertedCmykToRgb(row, rgb, out);
        }
        case CMYK -> InkColours.invertedCmykToRgb(row, rgb, out);
      }
    }
    return new RgbImage(width, height, rgb, name);
  }

  private static Raster decode(JpegStream jpeg, String name) {
    boolean inks =
        jpeg.colours() == JpegStream.Colours.CMYK || jpeg.colours() == JpegStream.Colours.YCCK;
    return ImageIoDecoder.raster(
        DECODER,
        new MemoryCacheImageInputStream(new ByteArrayInputStream(jpeg.content())),
        reader -> inks ? reader.readRaster(0, null) : reader.read(0).getRaster(),
        JpegReader::isDamage,
        "JPEG",
        name);
  }

  /**
   * The decoder only warns of missing or impossible data, and paints the rest grey. Surplus bytes
   * between segments, by contrast, harm nothing.
   */
  private static boolean isDamage(String warning) {
    return !warning.contains("extraneous bytes") && !warning.contains("Invalid SOS parameters");
  }

  private static ImageReaderSpi runtimeDecoder(String className) {
    Iterator<ImageReaderSpi> all =
        IIORegistry.getDefaultInstance().getServiceProviders(ImageReaderSpi.class, false);
    while (all.hasNext()) {
      ImageReaderSpi candidate = all.next();
      if (candidate.getClass().getName().equals(className)) {
        return candidate;
      }
    }
    throw new IllegalStateException(
        "this Java runtime has no JPEG decoder ("
            + className
            + "): module java.desktop is missing");
  }
}
