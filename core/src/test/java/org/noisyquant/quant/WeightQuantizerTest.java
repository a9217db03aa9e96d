package org.noisyquant.quant;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Random;
import org.junit.jupiter.api.Test;

class WeightQuantizerTest {
  @Test
  void scalesEachOutputChannelByItsLargestMagnitude() {
    float[] weight = {1f, -6f, -3f, 2f};

    QuantizedWeight q = WeightQuantizer.minMax(weight, 2, 2, 3);

    assertThat(q.scales()).containsExactly(1f, 2f);
    assertThat(q.codes()).containsExactly(1, -3, -3, 1);
    assertThat(q.dequantized()).containsExactly(1f, -6f, -3f, 2f);
  }

  @Test
  void anOutputChannelOfZerosStaysZero() {
    QuantizedWeight q = WeightQuantizer.minMax(new float[] {0f, 1f, 0f, 0f}, 2, 2, 8);

    assertThat(q.dequantized()).containsExactly(0f, 1f, 0f, 0f);
    assertThat(q.scales()[0]).isEqualTo(1f);
  }

  @Test
  void noWeightMovesByMoreThanHalfAStep() {
    Random random = new Random(3);
    float[] weight = new float[40 * 7];
    for (int i = 0; i < weight.length; i++) {
      weight[i] = (float) random.nextGaussian();
    }
    for (int bits = 2; bits <= 8; bits++) {
      QuantizedWeight q = WeightQuantizer.minMax(weight, 40, 7, bits);
      float[] back = q.dequantized();
      for (int i = 0; i < weight.length; i++) {
        assertThat(back[i]).isEqualTo(weight[i], within(q.scales()[i % 7] * 0.50001f));
      }
    }
  }

  @Test
  void theDenoisedBiasTakesExactlyTheNoiseOff() {
    QuantizedWeight q = new QuantizedWeight(8, 2, 2, new byte[] {1, 2, 3, 4}, new float[] {2f, 1f});

    // N·Wq = (0.5·1 − 1·3)·2 = −5 and (0.5·2 − 1·4)·1 = −3.
    assertThat(q.denoisedBias(new float[] {1f, 1f}, new float[] {0.5f, -1f}))
        .containsExactly(6f, 4f);
  }
}
