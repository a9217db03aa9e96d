package org.noisyquant.image;

import java.awt.image.Raster;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;
import javax.imageio.ImageReader;
import javax.imageio.spi.ImageReaderSpi;
import javax.imageio.stream.ImageInputStream;

/** One picture by a decoder of Java's ImageIO interface. */
final class ImageIoDecoder {
  /** How a reader is asked for the picture. */
  interface Use {
    Raster read(ImageReader reader) throws IOException;
  }

  private ImageIoDecoder() {}

  /**
   * The raster of the picture, never its getRGB: that would convert colour spaces.
   *
   * @param content the file, which is closed
   * @param form what messages call files of this form
   * @param damage whether a warning of the decoder means that pixels are missing or wrong
   */
  static Raster raster(
      ImageReaderSpi decoder,
      ImageInputStream content,
      Use use,
      Predicate<String> damage,
      String form,
      String name) {
    List<String> warnings = new ArrayList<>();
    Raster raster = read(decoder, content, use, warnings, form, name);
    for (String warning : warnings) {
      if (damage.test(warning)) {
        throw ImageDecoder.unreadable(name, "the " + form + " is damaged (" + warning + ")");
      }
    }
    return raster;
  }

  private static Raster read(
      ImageReaderSpi decoder,
      ImageInputStream content,
      Use use,
      List<String> warnings,
      String form,
      String name) {
    ImageReader reader = null;
    try (content) {
      reader = decoder.createReaderInstance();
      reader.addIIOReadWarningListener((source, warning) -> warnings.add(warning));
      reader.setInput(content, true, true);
      return use.read(reader);
    } catch (IOException | RuntimeException e) {
      // Of a damaged file decoders throw what comes along: indices out of bounds, sizes below zero.
      String reason = e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage();
      throw ImageDecoder.unreadable(name, "the " + form + " cannot be decoded (" + reason + ")", e);
    } finally {
      if (reader != null) {
        reader.dispose();
      }
    }
  }
}
