package org.noisyquant.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.noisyquant.error.ErrorCode;
import org.noisyquant.error.NoisyQuantException;
import org.noisyquant.image.ImageForms.Form;

class ImageFormsTest {
  static Stream<Form> good() {
    return ImageForms.all().stream().filter(Form::isGood);
  }

  static Stream<Form> bad() {
    return ImageForms.all().stream().filter(form -> !form.isGood());
  }

  @ParameterizedTest
  @MethodSource("good")
  void pixelsAreThoseOfPillow(Form form) throws NoSuchAlgorithmException {
    RgbImage image = ImageDecoder.decode(form.content(), form.file());

    assertThat(image.width() + "x" + image.height()).isEqualTo(form.size());
    byte[] digest = MessageDigest.getInstance("SHA-256").digest(image.rgb());
    assertThat(HexFormat.of().formatHex(digest)).isEqualTo(form.sha256());
  }

  @ParameterizedTest
  @MethodSource("bad")
  void aBadFileIsRefusedForAReason(Form form) {
    assertThatThrownBy(() -> ImageDecoder.decode(form.content(), "folder/" + form.file()))
        .isInstanceOfSatisfying(
            NoisyQuantException.class,
            e -> assertThat(e.code()).isEqualTo(ErrorCode.IMAGE_UNREADABLE))
        .hasMessageStartingWith("cannot read image folder/" + form.file() + ": ")
        .hasMessageContaining(form.reason())
        .hasMessageEndingWith(". Replace or remove the file");
  }
}
