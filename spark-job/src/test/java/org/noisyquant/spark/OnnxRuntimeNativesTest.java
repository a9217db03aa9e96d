package org.noisyquant.spark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.noisyquant.error.ErrorCode;
import org.noisyquant.error.NoisyQuantException;

class OnnxRuntimeNativesTest {
  @ParameterizedTest
  @ValueSource(strings = {"amd64", "x86_64", "aarch64"})
  void linuxOnCommonProcessorsIsSupported(String arch) {
    assertThatCode(() -> OnnxRuntimeNatives.check("Linux", arch)).doesNotThrowAnyException();
  }

  @Test
  void anotherProcessorIsNamedWithWhatToDo() {
    assertThatThrownBy(() -> OnnxRuntimeNatives.check("Linux", "s390x"))
        .isInstanceOfSatisfying(
            NoisyQuantException.class,
            e -> assertThat(e.code()).isEqualTo(ErrorCode.PLATFORM_UNSUPPORTED))
        .hasMessageContaining("Linux on s390x")
        .hasMessageContaining("onnxruntime.native.path");
  }
}
