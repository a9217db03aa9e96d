package org.noisyquant.image;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.noisyquant.testing.Npy;

/** The small pictures of {@code make_images.py}, with what Pillow makes of them. */
final class Pictures {
  private Pictures() {}

  static Path path(String file) {
    try {
      return Path.of(Pictures.class.getResource("/images/" + file).toURI());
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }

  static byte[] content(String file) {
    try {
      return Files.readAllBytes(path(file));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static RgbImage decoded(String file) {
    return ImageDecoder.decode(content(file), file);
  }

  /** uint8 [height, width, 3]. */
  static Npy expected(String file) {
    return Npy.read(path(file + ".npy"));
  }
}
