package org.noisyquant.quant;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.noisyquant.testing.Npy;

class GptqTest {
  /**
   * quant/gptq_golden.npz was written in numpy from the paper (arXiv 2210.17323, algorithm 1),
   * apart from this project: channels by descending H_cc, λ = 0.01 · mean diagonal, U = Cholesky(
   * (H + λI)⁻¹)ᵀ; for each channel i: q = clip(rint(w_i / s), −7, 7), err = (w_i − q·s) / U_ii,
   * w_i… −= err·U_i…. h [24, 24] is the Gram matrix of 200 inputs that share six causes, w [24, 10]
   * float normal, s [10] 0.8 · max|w| / 7.
   */
  @Test
  void roundsAsThePapersAlgorithm() throws Exception {
    Map<String, Npy> golden =
        Npy.readArchive(Path.of(GptqTest.class.getResource("/quant/gptq_golden.npz").toURI()));

    QuantizedWeight q =
        Gptq.of(golden.get("h").doubles(), 24, 0.01)
            .quantize(golden.get("w").floats(), 10, 4, golden.get("s").floats());

    assertThat(q.codes()).containsExactly(golden.get("codes").bytes());
  }

  @Test
  void makesUpForTheErrorOfTheFirstChannel() {
    // Channel 0 comes first: 0.4 → 0 leaves 0.4, of which channel 1 takes over 0.9/1 = 0.36.
    double[] h = {1.1, 0.9, 0.9, 1.0};
    float[] weight = {0.4f, 0.2f};

    QuantizedWeight q = Gptq.of(h, 2, 0).quantize(weight, 1, 4, new float[] {1f});

    assertThat(q.codes()).containsExactly(0, 1);
    assertThat(q.scales()).containsExactly(1f);
  }

  @Test
  void isFarBetterThanRoundingOnCorrelatedInputs() {
    int channels = 64;
    int outputs = 32;
    double[][] h = Matrices.gram(channels, 12, 0.02, 11);
    float[] weight = Matrices.weight(channels, outputs, 12);
    QuantizedWeight plain = WeightQuantizer.minMax(weight, channels, outputs, 4);

    QuantizedWeight q =
        Gptq.of(Matrices.flat(h), channels, 0.01).quantize(weight, outputs, 4, plain.scales());

    double loss = Arrays.stream(Matrices.loss(h, weight, q)).sum();
    double plainLoss = Arrays.stream(Matrices.loss(h, weight, plain)).sum();
    assertThat(plainLoss / loss).isGreaterThan(3);
  }

  @Test
  void equalsRoundingForADiagonalMatrix() {
    int channels = 40;
    float[] weight = Matrices.weight(channels, 7, 13);
    double[] h = new double[channels * channels];
    for (int c = 0; c < channels; c++) {
      h[c * channels + c] = 1 + c % 5;
    }
    QuantizedWeight plain = WeightQuantizer.minMax(weight, channels, 7, 4);

    QuantizedWeight q = Gptq.of(h, channels, 0.01).quantize(weight, 7, 4, plain.scales());

    assertThat(q.codes()).isEqualTo(plain.codes());
  }

  @Test
  void noOutputIsWorseThanWithRounding() {
    for (int seed = 0; seed < 30; seed++) {
      int channels = 2 + seed % 7;
      double[][] h = Matrices.gram(channels, 3, 0.5, seed);
      float[] weight = Matrices.weight(channels, 50, seed);
      QuantizedWeight plain = WeightQuantizer.minMax(weight, channels, 50, 3);

      QuantizedWeight q =
          Gptq.of(Matrices.flat(h), channels, 1.0).quantize(weight, 50, 3, plain.scales());

      double[] loss = Matrices.loss(h, weight, q);
      double[] plainLoss = Matrices.loss(h, weight, plain);
      for (int o = 0; o < 50; o++) {
        assertThat(loss[o]).isLessThanOrEqualTo(plainLoss[o] + 1e-12);
      }
    }
  }

  @Test
  void aDeadChannelIsRoundedPlainly() {
    int channels = 6;
    double[][] h = Matrices.gram(channels, 3, 0.1, 17);
    for (int c = 0; c < channels; c++) {
      h[2][c] = 0;
      h[c][2] = 0;
    }
    float[] weight = Matrices.weight(channels, 8, 18);
    QuantizedWeight plain = WeightQuantizer.minMax(weight, channels, 8, 4);
    for (double damping : new double[] {0, 0.01}) {
      QuantizedWeight q =
          Gptq.of(Matrices.flat(h), channels, damping).quantize(weight, 8, 4, plain.scales());

      assertThat(Arrays.copyOfRange(q.codes(), 16, 24))
          .isEqualTo(Arrays.copyOfRange(plain.codes(), 16, 24));
    }
  }

  @Test
  void codesStayWithinTheLevels() {
    double[][] h = Matrices.gram(40, 2, 0.001, 19);
    float[] weight = Matrices.weight(40, 20, 20);
    float[] scales = new float[20];
    Arrays.fill(scales, 0.3f);

    QuantizedWeight q = Gptq.of(Matrices.flat(h), 40, 0.001).quantize(weight, 20, 3, scales);

    for (byte code : q.codes()) {
      assertThat((int) code).isBetween(-3, 3);
    }
  }

  @Test
  void refusesAMatrixOfAnotherSize() {
    assertThatThrownBy(() -> Gptq.of(new double[5], 2, 0))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("5 values for 2 channels");
    assertThatThrownBy(() -> Gptq.of(new double[4], 2, 0).quantize(new float[3], 2, 4, null))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("3 values for a weight [2, 2]");
  }

  @Test
  void damagesNothingThatItWasGiven() {
    double[] h = {2, 1, 1, 2};
    float[] weight = {0.4f, 0.2f};
    float[] scales = {1f};

    QuantizedWeight q = Gptq.of(h, 2, 0.5).quantize(weight, 1, 4, scales);

    assertThat(h).containsExactly(2, 1, 1, 2);
    assertThat(weight).containsExactly(new float[] {0.4f, 0.2f}, within(0f));
    assertThat(q.scales()).isNotSameAs(scales);
  }
}
