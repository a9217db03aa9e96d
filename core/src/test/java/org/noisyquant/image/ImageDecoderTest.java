package org.noisyquant.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import java.util.zip.CRC32;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.noisyquant.error.ErrorCode;
import org.noisyquant.error.NoisyQuantException;

class ImageDecoderTest {
  @ParameterizedTest
  @ValueSource(
      strings = {
        "rgb444.jpg",
        "rgb420.jpg",
        "rgb422.jpg",
        "progressive.jpg",
        "restarts.jpg",
        "grey.jpg",
        "icc.jpg",
        "orientation.jpg",
        "adobe_rgb.jpg",
        "no_jfif.jpg",
        "cmyk.jpg",
        "ycck.jpg",
        "rgb.png",
        "rgba.png",
        "grey.png",
        "grey_alpha.png",
        "grey_transparent.png",
        "palette.png",
        "palette_transparent.png",
        "one_bit.png",
        "two_bits.png",
        "interlaced.png",
        "rgb16.png",
        "rgba16.png",
        "grey16.png",
        "gamma_icc.png"
      })
  void pixelsAreThoseOfPillow(String file) {
    RgbImage image = Pictures.decoded(file);

    assertThat(new int[] {image.height(), image.width(), 3})
        .isEqualTo(Pictures.expected(file).shape());
    assertThat(image.rgb()).isEqualTo(Pictures.expected(file).bytes());
  }

  @ParameterizedTest
  @CsvSource({
    "rgb420.jpg, 0.5",
    "rgb420.jpg, 0.9",
    "progressive.jpg, 0.7",
    "rgb.png, 0.5",
    "rgb.png, 0.95",
    "interlaced.png, 0.8"
  })
  void aTruncatedFileIsAnErrorNotAHalfGreyPicture(String file, double share) {
    byte[] content = Pictures.content(file);
    byte[] start = Arrays.copyOf(content, (int) (share * content.length));

    assertUnreadable(() -> ImageDecoder.decode(start, "folder/" + file), "truncated");
  }

  @ParameterizedTest
  @ValueSource(strings = {"rgb420.jpg", "rgb.png", "palette.png"})
  void noTruncationAtAnyByteGoesUnnoticed(String file) {
    byte[] content = Pictures.content(file);
    List<Integer> accepted =
        IntStream.range(0, content.length)
            .filter(length -> decodes(Arrays.copyOf(content, length)))
            .boxed()
            .toList();

    assertThat(accepted).isEmpty();
  }

  @Test
  void aJpegWhoseDataEndEarlyIsAnErrorThoughItHasItsEndMarker() {
    byte[] content = Pictures.content("rgb444.jpg");
    byte[] cut = Arrays.copyOf(content, content.length - 150);
    cut[cut.length - 2] = (byte) 0xFF;
    cut[cut.length - 1] = (byte) 0xD9;

    assertUnreadable(() -> ImageDecoder.decode(cut, "folder/cut.jpg"), "damaged");
  }

  @Test
  void bytesAfterTheEndOfAJpegAreIgnored() {
    byte[] content = Pictures.content("rgb420.jpg");
    byte[] longer = Arrays.copyOf(content, content.length + 1000);

    assertThat(ImageDecoder.decode(longer, "longer").rgb())
        .isEqualTo(Pictures.expected("rgb420.jpg").bytes());
  }

  @Test
  void aPngWithAFlippedBitIsAnError() {
    byte[] content = Pictures.content("rgb.png");
    content[content.length / 2] ^= 4;

    assertUnreadable(() -> ImageDecoder.decode(content, "folder/flipped.png"), "checksum of chunk");
  }

  @Test
  void aPngWithTooFewRowsIsAnError() {
    byte[] content = Pictures.content("rgb.png");
    setPngSize(content, 23, 18);

    assertUnreadable(() -> ImageDecoder.decode(content, "folder/short.png"), "too few pixels");
  }

  @Test
  void absurdPngDimensionsAreRefusedBeforeMemoryIsTaken() {
    byte[] content = Pictures.content("rgb.png");
    setPngSize(content, 100_000, 100_000);

    assertUnreadable(
        () -> ImageDecoder.decode(content, "folder/bomb.png"), "100000x100000", "178956970");
  }

  @Test
  void absurdJpegDimensionsAreRefusedBeforeMemoryIsTaken() {
    byte[] content = Pictures.content("rgb420.jpg");
    int size = frameHeader(content) + 5;
    Arrays.fill(content, size, size + 4, (byte) 0xFE);

    assertUnreadable(
        () -> ImageDecoder.decode(content, "folder/bomb.jpg"), "65278x65278", "178956970");
  }

  @Test
  void twelveBitSamplesAreRefusedByName() {
    byte[] content = Pictures.content("rgb420.jpg");
    content[frameHeader(content) + 4] = 12;

    assertUnreadable(() -> ImageDecoder.decode(content, "folder/deep.jpg"), "12 bits per sample");
  }

  @Test
  void anEmptyFileIsRefused() {
    assertUnreadable(() -> ImageDecoder.decode(new byte[0], "folder/empty.jpg"), "empty");
  }

  @Test
  void aFileOfNoKnownFormatIsRefusedWithItsFirstBytes() {
    byte[] content = "file;label".getBytes(StandardCharsets.US_ASCII);

    assertUnreadable(
        () -> ImageDecoder.decode(content, "folder/other"),
        "known format (it starts with 0x66696c653b6c6162)",
        "JPEG, PNG, GIF, BMP and WebP");
  }

  @Test
  void manyThreadsDecodeTheSame() {
    byte[] expected = Pictures.expected("progressive.jpg").bytes();
    List<byte[]> decoded =
        IntStream.range(0, 200)
            .parallel()
            .mapToObj(i -> Pictures.decoded("progressive.jpg").rgb())
            .toList();

    assertThat(decoded).allMatch(pixels -> Arrays.equals(pixels, expected));
  }

  private static boolean decodes(byte[] content) {
    try {
      ImageDecoder.decode(content, "truncated");
      return true;
    } catch (NoisyQuantException e) {
      return false;
    }
  }

  private static int frameHeader(byte[] jpeg) {
    for (int i = 0; i < jpeg.length; i++) {
      if (jpeg[i] == (byte) 0xFF && jpeg[i + 1] == (byte) 0xC0) {
        return i;
      }
    }
    throw new IllegalArgumentException("no baseline frame");
  }

  /** Changes the header and its checksum. */
  private static void setPngSize(byte[] png, int width, int height) {
    CRC32 crc = new CRC32();
    ByteBuffer buffer = ByteBuffer.wrap(png).putInt(16, width).putInt(20, height);
    crc.update(png, 12, 17);
    buffer.putInt(29, (int) crc.getValue());
  }

  private static void assertUnreadable(ThrowingCallable decoding, String... reasons) {
    assertThatThrownBy(decoding)
        .isInstanceOfSatisfying(
            NoisyQuantException.class,
            e -> assertThat(e.code()).isEqualTo(ErrorCode.IMAGE_UNREADABLE))
        .hasMessageContaining("cannot read image folder/")
        .hasMessageContainingAll(reasons)
        .hasMessageContaining("Replace or remove the file");
  }
}
