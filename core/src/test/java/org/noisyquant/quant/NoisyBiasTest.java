package org.noisyquant.quant;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;

class NoisyBiasTest {
  @Test
  void unitNoiseIsFixedBySeedAndSite() {
    assertThat(NoisyBias.unit(7, 3, 100)).containsExactly(NoisyBias.unit(7, 3, 100));
    assertThat(NoisyBias.unit(7, 3, 100)).isNotEqualTo(NoisyBias.unit(7, 4, 100));
    assertThat(NoisyBias.unit(7, 3, 100)).isNotEqualTo(NoisyBias.unit(8, 3, 100));
  }

  @Test
  void unitNoiseIsUniformOnMinusOneToOne() {
    float[] unit = NoisyBias.unit(1, 0, 200_000);
    double mean = 0;
    double square = 0;
    for (float u : unit) {
      assertThat(u).isBetween(-1f, 1f);
      mean += u / unit.length;
      square += (double) u * u / unit.length;
    }

    // Standard errors: 0.0013 for the mean, 0.0007 for the mean square 1/3.
    assertThat(mean).isEqualTo(0, within(0.006));
    assertThat(square).isEqualTo(1.0 / 3, within(0.003));
  }

  @Test
  void shiftAndRangeAreInSteps() {
    assertThat(NoisyBias.scaled(new float[] {-1f, 0f, 0.5f}, 0.5f, 1, 2))
        .containsExactly(-0.5f, 0.5f, 1f);
  }
}
