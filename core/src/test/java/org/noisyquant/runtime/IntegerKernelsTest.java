package org.noisyquant.runtime;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

class IntegerKernelsTest {
  @Test
  void aProcessorWithVnniDoesNotSaturate() {
    assertThat(IntegerKernels.maySaturate(List.of("flags\t\t: fpu avx2 avx512_vnni bmi2")))
        .isFalse();
    assertThat(IntegerKernels.maySaturate(List.of("flags\t\t: fpu avx2 avx_vnni"))).isFalse();
  }

  @Test
  void aProcessorWithoutVnniMaySaturate() {
    assertThat(IntegerKernels.maySaturate(List.of("model: x", "flags\t\t: fpu sse avx2 bmi2")))
        .isTrue();
  }

  @Test
  void anUnknownProcessorIsNotAccused() {
    assertThat(IntegerKernels.maySaturate(List.of())).isFalse();
  }
}
