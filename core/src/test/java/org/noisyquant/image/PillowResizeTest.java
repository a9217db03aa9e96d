package org.noisyquant.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.noisyquant.testing.Npy;

class PillowResizeTest {
  private static final Map<String, Npy> RESIZED = Npy.readArchive(Pictures.path("resized.npz"));

  static Stream<String> sizes() {
    return RESIZED.keySet().stream();
  }

  @ParameterizedTest
  @MethodSource("sizes")
  void pixelsAreThoseOfPillow(String filterAndSize) {
    Npy expected = RESIZED.get(filterAndSize);
    Interpolation filter =
        Interpolation.ofPillowNumber(filterAndSize.charAt(0) - '0').orElseThrow();

    RgbImage resized =
        PillowResize.resize(
            Pictures.decoded("noise.png"), expected.shape()[1], expected.shape()[0], filter);

    assertThat(resized.rgb()).isEqualTo(expected.bytes());
  }

  @ParameterizedTest
  @EnumSource
  void theSameSizeChangesNothing(Interpolation filter) {
    RgbImage image = Pictures.decoded("noise.png");

    assertThat(PillowResize.resize(image, 40, 30, filter).rgb()).isEqualTo(image.rgb());
  }

  @ParameterizedTest
  @EnumSource
  void aWindowIsACropOfTheWhole(Interpolation filter) {
    RgbImage image = Pictures.decoded("noise.png");
    byte[] whole = PillowResize.resize(image, 57, 21, filter).rgb();

    RgbImage part =
        PillowResize.resize(image, 57, 21, filter, new PillowResize.Window(11, 3, 40, 16));

    for (int y = 0; y < 16; y++) {
      int from = 3 * ((3 + y) * 57 + 11);
      assertThat(Arrays.copyOfRange(part.rgb(), 3 * 40 * y, 3 * 40 * (y + 1)))
          .as("row %d", y)
          .isEqualTo(Arrays.copyOfRange(whole, from, from + 3 * 40));
    }
  }

  @Test
  void aWindowOutsideThePictureIsRefused() {
    RgbImage image = Pictures.decoded("noise.png");
    PillowResize.Window outside = new PillowResize.Window(10, 0, 20, 10);

    assertThatThrownBy(() -> PillowResize.resize(image, 25, 10, Interpolation.BICUBIC, outside))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("25x10");
  }
}
