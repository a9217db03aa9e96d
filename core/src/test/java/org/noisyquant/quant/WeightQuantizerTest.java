package org.noisyquant.quant;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
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

  @Test
  void clipsAnOutlierOfAnInputThatHardlyVaries() {
    // Two bits: codes −1, 0, 1. Without the outlier's weight the best scale is near 1.
    float[] weight = {1f, -1f, 1f, 10f};
    double[] moments = {1, 1, 1, 1e-6};

    QuantizedWeight q = WeightQuantizer.mse(weight, 4, 1, 2, moments);

    assertThat(q.codes()).containsExactly(1, -1, 1, 1);
    assertThat(q.scales()[0]).isCloseTo(1f, within(0.011f));
  }

  @Test
  void noScaleOfAFineGridIsMuchBetterThanTheMseScale() {
    int inputs = 60;
    float[] weight = Matrices.weight(inputs, 5, 21);
    double[] moments = moments(inputs);
    for (int bits = 2; bits <= 8; bits++) {
      QuantizedWeight q = WeightQuantizer.mse(weight, inputs, 5, bits, moments);
      QuantizedWeight minMax = WeightQuantizer.minMax(weight, inputs, 5, bits);
      double[] found = loss(weight, q.scales(), bits, moments);
      double[] best = loss(weight, minMax.scales(), bits, moments);
      for (int i = 1; i <= 3000; i++) {
        float[] scales = minMax.scales().clone();
        for (int o = 0; o < 5; o++) {
          scales[o] *= i / 3000f;
        }
        double[] loss = loss(weight, scales, bits, moments);
        for (int o = 0; o < 5; o++) {
          best[o] = Math.min(best[o], loss[o]);
        }
      }
      for (int o = 0; o < 5; o++) {
        assertThat(found[o]).isLessThanOrEqualTo(1.05 * best[o]);
      }
    }
  }

  @Test
  void theMseScaleIsNeverWorseThanMinMax() {
    for (int seed = 0; seed < 40; seed++) {
      int inputs = 1 + seed;
      float[] weight = Matrices.weight(inputs, 30, seed);
      double[] moments = moments(inputs);
      QuantizedWeight q = WeightQuantizer.mse(weight, inputs, 30, 4, moments);
      QuantizedWeight minMax = WeightQuantizer.minMax(weight, inputs, 30, 4);
      double[] loss = loss(weight, q.scales(), 4, moments);
      double[] minMaxLoss = loss(weight, minMax.scales(), 4, moments);
      for (int o = 0; o < 30; o++) {
        assertThat(loss[o]).isLessThanOrEqualTo(minMaxLoss[o]);
      }
    }
  }

  @Test
  void onlyRatiosOfSecondMomentsMatter() {
    float[] weight = Matrices.weight(20, 6, 22);
    double[] moments = moments(20);
    double[] tiny = moments.clone();
    for (int c = 0; c < 20; c++) {
      tiny[c] *= 0x1p-300;
    }

    assertThat(WeightQuantizer.mse(weight, 20, 6, 4, tiny).scales())
        .isEqualTo(WeightQuantizer.mse(weight, 20, 6, 4, moments).scales());
  }

  @Test
  void anInputOfZerosLeavesTheMinMaxScale() {
    float[] weight = Matrices.weight(20, 6, 23);

    assertThat(WeightQuantizer.mse(weight, 20, 6, 4, new double[20]).codes())
        .isEqualTo(WeightQuantizer.minMax(weight, 20, 6, 4).codes());
  }

  @Test
  void refusesSecondMomentsThatAreNone() {
    assertThatThrownBy(() -> WeightQuantizer.mse(new float[2], 2, 1, 4, new double[] {1, -1}))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("input 1: -1.0");
    assertThatThrownBy(() -> WeightQuantizer.mse(new float[2], 2, 1, 4, new double[3]))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("3 second moments for 2 inputs");
  }

  private static double[] moments(int inputs) {
    double[] moments = new double[inputs];
    for (int c = 0; c < inputs; c++) {
      moments[c] = 1.0 / (1 + c % 7);
    }
    return moments;
  }

  private static double[] loss(float[] weight, float[] scales, int bits, double[] moments) {
    int max = (1 << (bits - 1)) - 1;
    double[] loss = new double[scales.length];
    for (int i = 0; i < weight.length; i++) {
      int o = i % scales.length;
      double code = Math.max(-max, Math.min(max, Math.rint(weight[i] / scales[o])));
      double e = weight[i] - code * scales[o];
      loss[o] += moments[i / scales.length] * e * e;
    }
    return loss;
  }
}
