package org.noisyquant.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.FloatBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.noisyquant.error.ErrorCode;
import org.noisyquant.error.NoisyQuantException;
import org.noisyquant.image.Resize.LongEdgeRounding;
import org.noisyquant.image.Resize.ShortestEdge;
import org.noisyquant.testing.Npy;
import org.noisyquant.testing.TestData;

class PreprocessorTest {
  private static final Preprocessor VIT = fashion("preprocessor_config_vit.json", 28);
  private static final Preprocessor SWIN = fashion("preprocessor_config_swin.json", 32);

  @ParameterizedTest
  @ValueSource(ints = {1, 4})
  void fashionImagesGiveTheirGoldenPixels(int index) {
    String file = String.format("evaluation/%05d.png", index);
    RgbImage image = ImageDecoder.decode(TestData.fashionBytes(file), file);

    assertPixels(VIT.apply(image), golden("fashion_vit_golden_pixel_values.npy", index));
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2, 3, 4, 5, 6, 7})
  void goldenPixelsOfTheViTComeBackFromTheirLevels(int index) {
    float[] golden = golden("fashion_vit_golden_pixel_values.npy", index);

    assertPixels(VIT.apply(levelsOf(golden)), golden);
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2, 3, 4, 5, 6, 7})
  void resizingTheViTImagesGivesTheGoldenPixelsOfTheSwin(int index) {
    RgbImage image = levelsOf(golden("fashion_vit_golden_pixel_values.npy", index));

    assertPixels(SWIN.apply(image), golden("fashion_swin_golden_pixel_values.npy", index));
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2, 3, 4, 5, 6, 7})
  void imageNetImagesGiveTheirGoldenPixels(int index) throws IOException {
    Path config = TestData.requireShared("deit-tiny/preprocessor_config.json");
    Path names = TestData.requireShared("deit-tiny/golden_files.json");
    String name = new ObjectMapper().readTree(names.toFile()).get(index).asText();
    Path file = TestData.requireShared("imagenet/calibration/" + name);
    Preprocessor preprocessor =
        new Preprocessor(
            Preprocessing.fromJson(Files.readString(config), config.toString(), 224, 224));

    float[] pixels = preprocessor.apply(ImageDecoder.decode(Files.readAllBytes(file), name));

    Path golden = TestData.requireShared("deit-tiny/golden_pixel_values.npy");
    assertPixels(pixels, image(Npy.read(golden), index));
  }

  @Test
  void theLongEdgeIsRoundedOrTruncatedAsAsked() {
    ShortestEdge rounded = new ShortestEdge(256, LongEdgeRounding.ROUND, Interpolation.BICUBIC);
    ShortestEdge truncated =
        new ShortestEdge(256, LongEdgeRounding.TRUNCATE, Interpolation.BICUBIC);

    // 256 · 871 / 625 = 356.76
    assertThat(rounded.resizedWidth(625, 871)).isEqualTo(357);
    assertThat(truncated.resizedWidth(625, 871)).isEqualTo(356);
    assertThat(rounded.resizedHeight(871, 625)).isEqualTo(357);
    assertThat(truncated.resizedWidth(871, 625)).isEqualTo(256);
  }

  @Test
  void theCropIsTakenFromTheMiddleRoundedDown() {
    Preprocessor preprocessor = new Preprocessor(raw(2, 3, true));
    byte[] rgb = new byte[3 * 5 * 6];
    for (int i = 0; i < 30; i++) {
      Arrays.fill(rgb, 3 * i, 3 * i + 3, (byte) i);
    }

    float[] pixels = preprocessor.apply(new RgbImage(6, 5, rgb, "numbered"));

    // Rows from (5 − 2)/2 = 1, columns from (6 − 3)/2 = 1; all channels alike.
    assertThat(pixels)
        .containsExactly(7, 8, 9, 13, 14, 15, 7, 8, 9, 13, 14, 15, 7, 8, 9, 13, 14, 15);
  }

  @Test
  void pixelsAreWrittenFromAnOffsetOnAndNowhereElse() {
    RgbImage image = levelsOf(golden("fashion_vit_golden_pixel_values.npy", 0));
    float[] expected = VIT.apply(image);
    float[] array = new float[VIT.size() + 7];
    FloatBuffer buffer = FloatBuffer.allocate(VIT.size() + 7);

    VIT.apply(image, array, 4);
    VIT.apply(image, buffer, 4);

    assertThat(Arrays.copyOfRange(array, 4, 4 + VIT.size())).isEqualTo(expected);
    assertThat(new float[] {array[0], array[3], array[4 + VIT.size()]}).containsOnly(0);
    assertThat(buffer.position()).isZero();
    assertThat(buffer.array()).isEqualTo(array);
  }

  @Test
  void aPictureOfAnotherSizeIsRefusedWhereNothingIsResized() {
    RgbImage image = new RgbImage(30, 28, new byte[3 * 30 * 28], "folder/wide.png");

    assertThatThrownBy(() -> VIT.apply(image))
        .isInstanceOfSatisfying(
            NoisyQuantException.class,
            e -> assertThat(e.code()).isEqualTo(ErrorCode.IMAGE_UNREADABLE))
        .hasMessageContainingAll("folder/wide.png", "28x30", "28x28", "do_resize");
  }

  @Test
  void aPictureSmallerThanTheCropIsRefused() {
    RgbImage image = new RgbImage(2, 2, new byte[12], "folder/small.png");

    assertThatThrownBy(() -> new Preprocessor(raw(2, 3, true)).apply(image))
        .isInstanceOf(NoisyQuantException.class)
        .hasMessageContainingAll("folder/small.png", "2x2", "2x3");
  }

  /** No resize, no normalisation: values are levels. */
  private static Preprocessing raw(int height, int width, boolean crop) {
    List<Double> zero = Collections.nCopies(3, 0.0);
    List<Double> one = Collections.nCopies(3, 1.0);
    return new Preprocessing(height, width, new Resize.None(), crop, 1, zero, one);
  }

  private static Preprocessor fashion(String config, int size) {
    String json = new String(TestData.fashionBytes(config), StandardCharsets.UTF_8);
    return new Preprocessor(Preprocessing.fromJson(json, config, size, size));
  }

  private static float[] golden(String file, int index) {
    return image(Npy.read(TestData.fashion(file)), index);
  }

  private static float[] image(Npy batch, int index) {
    int size = batch.size() / batch.shape()[0];
    return Arrays.copyOfRange(batch.floats(), index * size, (index + 1) * size);
  }

  /** The 28x28 picture that these pixel values were made from. */
  private static RgbImage levelsOf(float[] pixels) {
    int plane = 28 * 28;
    byte[] rgb = new byte[3 * plane];
    for (int i = 0; i < pixels.length; i++) {
      rgb[3 * (i % plane) + i / plane] = (byte) Math.round((pixels[i] * 0.353 + 0.286) * 255);
    }
    return new RgbImage(28, 28, rgb, "golden");
  }

  private static void assertPixels(float[] pixels, float[] golden) {
    assertThat(pixels).hasSameSizeAs(golden);
    double largest = 0;
    for (int i = 0; i < golden.length; i++) {
      largest = Math.max(largest, Math.abs(pixels[i] - golden[i]));
    }
    assertThat(largest).as("largest difference").isLessThanOrEqualTo(1e-6);
  }
}
