package org.noisyquant.quant;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Random;
import org.junit.jupiter.api.Test;

class UniformQuantizerTest {
  @Test
  void roundsHalfToEven() {
    UniformQuantizer q = new UniformQuantizer(8, 1f);

    assertThat(q.code(0.5f)).isZero();
    assertThat(q.code(1.5f)).isEqualTo(2);
    assertThat(q.code(2.5f)).isEqualTo(2);
    assertThat(q.code(-0.5f)).isZero();
    assertThat(q.code(-1.5f)).isEqualTo(-2);
  }

  @Test
  void clampsToTheLevelsOfItsBits() {
    assertThat(new UniformQuantizer(4, 0.5f).quantize(100f)).isEqualTo(3.5f);
    assertThat(new UniformQuantizer(4, 0.5f).quantize(-100f)).isEqualTo(-4f);
    assertThat(new UniformQuantizer(2, 1f).code(7f)).isEqualTo(1);
    assertThat(new UniformQuantizer(2, 1f).code(-7f)).isEqualTo(-2);
  }

  @Test
  void roundsAsMathRintDoes() {
    UniformQuantizer q = new UniformQuantizer(8, 0.37f);
    Random random = new Random(1);
    for (int i = 0; i < 100_000; i++) {
      float x = (float) (random.nextGaussian() * 20);
      long expected = Math.round(Math.max(-128, Math.min(127, Math.rint(x / 0.37f))));
      assertThat((long) q.code(x)).isEqualTo(expected);
    }
  }

  @Test
  void refusesBitsAndStepsOutOfRange() {
    assertThatThrownBy(() -> new UniformQuantizer(1, 1f)).hasMessageContaining("bits");
    assertThatThrownBy(() -> new UniformQuantizer(9, 1f)).hasMessageContaining("bits");
    assertThatThrownBy(() -> new UniformQuantizer(8, 0f)).hasMessageContaining("step");
    assertThatThrownBy(() -> new UniformQuantizer(8, Float.NaN)).hasMessageContaining("step");
  }
}
