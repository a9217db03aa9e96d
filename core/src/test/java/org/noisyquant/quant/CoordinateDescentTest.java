package org.noisyquant.quant;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import org.junit.jupiter.api.Test;

class CoordinateDescentTest {
  private static final int CHANNELS = 70;
  private static final int OUTPUTS = 131;

  private final double[][] h = Matrices.gram(CHANNELS, 12, 0.05, 3);
  private final float[] weight = Matrices.weight(CHANNELS, OUTPUTS, 4);

  @Test
  void movesACodeAndThenTheScaleByHand() {
    // At codes (1, 1) and s = 1, Δ = (0.4, −0.75) and HΔ = (0.025, −0.55): code 0 stays at
    // rint(1.025), code 1 goes to rint(1 − 0.55) = 0. With q = (1, 0) the best scale is
    // (1.4 + 0.5·0.25) / 1 = 1.525, where HΔ = (0, 0.1875) moves nothing any more.
    double[][] correlated = {{1, 0.5}, {0.5, 1}};

    QuantizedWeight q =
        descent(correlated, 0).lower(new float[] {1.4f, 0.25f}, start(2, 1, new byte[] {1, 1}, 1f));

    assertThat(q.codes()).containsExactly(1, 0);
    assertThat(q.scales()[0]).isCloseTo(1.525f, within(1e-6f));
  }

  @Test
  void findsTheBestCodesOfAllWhereTheScaleFits() {
    // W lies on a grid of 0.25, so its own codes lose nothing; the start is off in each of them.
    float[] onGrid = new float[CHANNELS];
    byte[] off = new byte[CHANNELS];
    for (int c = 0; c < CHANNELS; c++) {
      onGrid[c] = 0.25f * (c % 7 - 3);
      off[c] = (byte) (c % 7 - 3 + (c % 2 == 0 ? 1 : -1));
    }
    double[][] diagonal = new double[CHANNELS][CHANNELS];
    for (int c = 0; c < CHANNELS; c++) {
      diagonal[c][c] = 1 + c % 3;
    }

    QuantizedWeight q = descent(diagonal, 0.01).lower(onGrid, start(CHANNELS, 1, off, 0.25f));

    for (int c = 0; c < CHANNELS; c++) {
      assertThat((int) q.codes()[c]).isEqualTo(c % 7 - 3);
    }
    assertThat(q.scales()[0]).isEqualTo(0.25f);
  }

  @Test
  void noSingleCodeAndNoScaleWouldLowerTheLossFurther() {
    QuantizedWeight q = descent(h, 0.1).lower(weight, gptq(1f));
    double[] loss = ridged(0.1, q);

    for (int o = 0; o < OUTPUTS; o++) {
      for (int c = 0; c < CHANNELS; c++) {
        for (int step = -1; step <= 1; step += 2) {
          byte[] codes = q.codes().clone();
          codes[c * OUTPUTS + o] = (byte) (codes[c * OUTPUTS + o] + step);
          if (Math.abs(codes[c * OUTPUTS + o]) <= 7) {
            assertThat(lossOf(o, 0.1, codes, q.scales()[o])).isGreaterThanOrEqualTo(loss[o] - 1e-9);
          }
        }
      }
      assertThat(lossOf(o, 0.1, q.codes(), q.scales()[o] * 1.001f)).isGreaterThan(loss[o]);
      assertThat(lossOf(o, 0.1, q.codes(), q.scales()[o] * 0.999f)).isGreaterThan(loss[o]);
    }
  }

  @Test
  void isBetterThanGptqForEveryOutputAndByAFewPercentForAll() {
    QuantizedWeight start = gptq(1f);
    double[] before = ridged(0.1, start);

    double[] after = ridged(0.1, descent(h, 0.1).lower(weight, start));

    for (int o = 0; o < OUTPUTS; o++) {
      assertThat(after[o]).isLessThanOrEqualTo(before[o] * (1 + 1e-9));
    }
    assertThat(sum(after)).isLessThan(0.95 * sum(before));
  }

  @Test
  void codesStayWithinTheLevelsAndADeadChannelKeepsItsOwn() {
    double[][] dead = new double[CHANNELS][];
    for (int c = 0; c < CHANNELS; c++) {
      dead[c] = h[c].clone();
      dead[c][5] = 0;
    }
    Arrays.fill(dead[5], 0);
    QuantizedWeight start = WeightQuantizer.minMax(weight, CHANNELS, OUTPUTS, 3);

    QuantizedWeight q = descent(dead, 0).lower(weight, start);

    assertThat(Arrays.copyOfRange(q.codes(), 5 * OUTPUTS, 6 * OUTPUTS))
        .isEqualTo(Arrays.copyOfRange(start.codes(), 5 * OUTPUTS, 6 * OUTPUTS));
    for (byte code : q.codes()) {
      assertThat((int) code).isBetween(-3, 3);
    }
  }

  @Test
  void anOutputOfZerosKeepsItsScale() {
    QuantizedWeight zeros = WeightQuantizer.minMax(new float[CHANNELS], CHANNELS, 1, 4);

    QuantizedWeight q = descent(h, 0.1).lower(new float[CHANNELS], zeros);

    assertThat(q.scales()).containsExactly(1f);
    assertThat(q.codes()).containsOnly(0);
  }

  private QuantizedWeight gptq(float share) {
    float[] scales = WeightQuantizer.minMax(weight, CHANNELS, OUTPUTS, 4).scales();
    for (int o = 0; o < OUTPUTS; o++) {
      scales[o] *= share;
    }
    return Gptq.of(Matrices.flat(h), CHANNELS, 0.01).quantize(weight, OUTPUTS, 4, scales);
  }

  private static QuantizedWeight start(int channels, int outputs, byte[] codes, float scale) {
    float[] scales = new float[outputs];
    Arrays.fill(scales, scale);
    return new QuantizedWeight(4, channels, outputs, codes, scales);
  }

  private static CoordinateDescent descent(double[][] h, double ridge) {
    return new CoordinateDescent((i, j) -> h[i][j], h.length, ridge);
  }

  private double lossOf(int output, double ridge, byte[] codes, float scale) {
    byte[] column = new byte[CHANNELS];
    float[] w = new float[CHANNELS];
    for (int c = 0; c < CHANNELS; c++) {
      column[c] = codes[c * OUTPUTS + output];
      w[c] = weight[c * OUTPUTS + output];
    }
    return Matrices.loss(withRidge(ridge), w, start(CHANNELS, 1, column, scale))[0];
  }

  private double[] ridged(double ridge, QuantizedWeight q) {
    return Matrices.loss(withRidge(ridge), weight, q);
  }

  private double[][] withRidge(double ridge) {
    double[][] sum = new double[CHANNELS][];
    for (int c = 0; c < CHANNELS; c++) {
      sum[c] = h[c].clone();
      sum[c][c] += ridge;
    }
    return sum;
  }

  private static double sum(double[] values) {
    return Arrays.stream(values).sum();
  }
}
