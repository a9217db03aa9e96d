package org.noisyquant.quant;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

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
  void errorIsTheDenoisedValueMinusTheInput() {
    UniformQuantizer q = new UniformQuantizer(3, 1f);
    float[] x = {0.4f, 10f, -0.75f, 1.25f};
    float[] noise = {0.25f, -0.5f};
    float[] error = new float[5];

    q.error(x, noise, 2, error, 1);

    // q(0.65) − 0.25 − 0.4; q(9.5) clips to 3: 3 + 0.5 − 10; q(−0.5) = 0 (even); q(0.75) = 1.
    assertThat(error[1]).isEqualTo(0.35f, within(1e-6f));
    assertThat(error[2]).isEqualTo(-6.5f);
    assertThat(error[3]).isEqualTo(0.5f);
    assertThat(error[4]).isEqualTo(0.25f);
  }

  @Test
  void theVectorKernelAgreesWithTheCodes() {
    Random random = new Random(2);
    for (int bits = 2; bits <= 8; bits++) {
      UniformQuantizer q = new UniformQuantizer(bits, 0.013f);
      float[] x = new float[33 * 41];
      float[] noise = new float[41];
      for (int i = 0; i < x.length; i++) {
        x[i] = (float) (random.nextGaussian() * Math.pow(10, random.nextInt(5) - 3));
      }
      for (int c = 0; c < noise.length; c++) {
        noise[c] = (float) random.nextGaussian() * 0.02f;
      }
      float[] error = new float[x.length];

      q.error(x, noise, 33, error, 0);

      for (int i = 0; i < x.length; i++) {
        float n = noise[i % 41];
        assertThat(error[i]).isEqualTo((q.quantize(x[i] + n) - n) - x[i]);
      }
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
