package org.noisyquant.image;

import static org.assertj.core.api.Assertions.assertThat;

import com.twelvemonkeys.imageio.plugins.webp.WebPImageReaderSpi;
import java.awt.image.Raster;
import java.io.ByteArrayInputStream;
import javax.imageio.ImageReader;
import javax.imageio.stream.MemoryCacheImageInputStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Why lossy WebP is refused. Where this fails for a newer decoder, it may be read. */
class LossyWebpTest {
  @ParameterizedTest
  @CsvSource({"lossy, 4", "lossy_fast, 100"})
  void theDecoderIsOffByManyLevels(String name, double levels) throws Exception {
    RgbImage pillow = ImageDecoder.decode(ImageForms.content(name + ".png"), name);

    Raster raster = decoded(ImageForms.content(name + ".webp"));

    long sum = 0;
    byte[] rgb = pillow.rgb();
    for (int i = 0; i < rgb.length; i++) {
      int x = i / 3 % pillow.width();
      int y = i / 3 / pillow.width();
      sum += Math.abs(Byte.toUnsignedInt(rgb[i]) - raster.getSample(x, y, i % 3));
    }
    assertThat((double) sum / rgb.length).isGreaterThan(levels);
  }

  private static Raster decoded(byte[] content) throws Exception {
    ImageReader reader = new WebPImageReaderSpi().createReaderInstance();
    reader.setInput(new MemoryCacheImageInputStream(new ByteArrayInputStream(content)));
    return reader.read(0).getRaster();
  }
}
