package org.noisyquant.quant;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.Random;
import org.junit.jupiter.api.Test;

class NoisyQuantizerTest {
  @Test
  void errorIsTheDenoisedValueMinusTheInput() {
    float[] x = {0.4f, 10f, -0.75f, 1.25f};
    float[] noise = {0.25f, -0.5f};
    float[] error = new float[5];

    NoisyQuantizer.uniform(new UniformQuantizer(3, 1f), noise).error(x, 2, error, 1);

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

      NoisyQuantizer.uniform(q, noise).error(x, 33, error, 0);

      for (int i = 0; i < x.length; i++) {
        float n = noise[i % 41];
        assertThat(error[i]).isEqualTo((q.quantize(x[i] + n) - n) - x[i]);
      }
    }
  }

  @Test
  void everyChannelHasItsOwnStepAndItsOwnValueThatIsTakenOff() {
    NoisyQuantizer q =
        new NoisyQuantizer(
            3, new float[] {1f, 0.5f}, new float[] {0.25f, 1f}, new float[] {0.5f, 1.125f});
    float[] error = new float[2];

    q.error(new float[] {1.5f, -0.375f}, 1, error, 0);

    // q(1.75) = 2: 2 − 0.5 − 1.5; q(0.625) = 0.5: 0.5 − 1.125 + 0.375.
    assertThat(error).containsExactly(0f, -0.25f);
  }

  @Test
  void refusesShapesThatDoNotFit() {
    assertThatThrownBy(() -> new NoisyQuantizer(8, new float[2], new float[1], new float[2]))
        .hasMessageContaining("2 steps, 1 noise");
  }
}
