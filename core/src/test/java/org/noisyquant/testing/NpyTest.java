package org.noisyquant.testing;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.Map;
import org.junit.jupiter.api.Test;

class NpyTest {
  /** The values are those NumPy prints. */
  @Test
  void readsShapeAndElementsAsNumPyDoes() {
    Npy logits = Npy.read(TestData.fashion("fashion_vit_golden_logits.npy"));

    assertThat(logits.shape()).containsExactly(8, 10);
    assertThat(logits.floats()).hasSize(80);
    assertThat(logits.floats()).startsWith(-0.52564657f, -0.91073024f, -0.3324185f);
    assertThat(logits.get(79)).isCloseTo(-0.6669927, within(1e-7));
  }

  @Test
  void readsEveryArrayOfAnArchive() {
    Map<String, Npy> noise =
        Npy.readArchive(TestData.requireShared("deit-tiny/reference_noise.npz"));

    assertThat(noise).hasSize(48);
    assertThat(noise.get("blocks.0.attn.qkv").shape()).containsExactly(192);
  }

  @Test
  void refusesAFileOfAnotherKind() {
    assertThatThrownBy(() -> Npy.read(TestData.fashion("classes.json")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("classes.json is no .npy file");
  }
}
