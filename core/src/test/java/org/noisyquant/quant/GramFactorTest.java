package org.noisyquant.quant;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.Random;
import org.junit.jupiter.api.Test;

class GramFactorTest {
  @Test
  void factorsATwoByTwoMatrix() {
    double[] h = {4, 6, 6, 25};

    GramFactor factor = GramFactor.of((i, j) -> h[2 * i + j], 2, 0);

    // Channel 1 comes first: L = [l, 0; 6/2, 2] with l² = 25 − 3².
    assertThat(factor.channel(0)).isEqualTo(1);
    assertThat(factor.row(1)).containsExactly(3, 2);
    assertThat(factor.row(0)).containsExactly(4);
  }

  @Test
  void theFactorMultipliesToTheMatrixWithItsRidge() {
    for (int n : new int[] {1, 5, 32, 33, 100, 1100}) {
      double[][] h = Matrices.gram(n, 40, 1e-3, 5 + n);
      GramFactor factor = GramFactor.of((i, j) -> h[i][j], n, 0.01);
      double trace = 0;
      for (int i = 0; i < n; i++) {
        trace += h[i][i];
      }

      assertThat(factor.ridge()).isCloseTo(0.01 * trace / n, within(1e-9));
      Random random = new Random(1);
      for (int trial = 0; trial < 2000; trial++) {
        int i = random.nextInt(n);
        int j = trial % 3 == 0 ? i : random.nextInt(n);
        double sum = 0;
        for (int k = Math.max(i, j); k < n; k++) {
          sum += factor.row(k)[i] * factor.row(k)[j];
        }
        double expected = h[factor.channel(i)][factor.channel(j)] + (i == j ? factor.ridge() : 0);
        assertThat(sum).isCloseTo(expected, within(1e-9));
      }
    }
  }

  @Test
  void channelsAreInDescendingOrderOfTheirDiagonal() {
    double[][] h = Matrices.gram(50, 40, 0.1, 3);

    GramFactor factor = GramFactor.of((i, j) -> h[i][j], 50, 0);

    for (int k = 1; k < 50; k++) {
      assertThat(h[factor.channel(k)][factor.channel(k)])
          .isLessThanOrEqualTo(h[factor.channel(k - 1)][factor.channel(k - 1)]);
    }
  }

  @Test
  void solvesWhatWasMultiplied() {
    int n = 70;
    int outputs = 9;
    double[][] h = Matrices.gram(n, 100, 0.1, 7);
    GramFactor factor = GramFactor.of((i, j) -> h[i][j], n, 0.01);
    double[][] expected = Matrices.gaussian(n, outputs, 8);
    double[][] r = new double[n][outputs];
    for (int i = 0; i < n; i++) {
      for (int o = 0; o < outputs; o++) {
        r[i][o] = factor.ridge() * expected[i][o];
        for (int j = 0; j < n; j++) {
          r[i][o] += h[i][j] * expected[j][o];
        }
      }
    }

    factor.solve(r, outputs);

    for (int i = 0; i < n; i++) {
      for (int o = 0; o < outputs; o++) {
        assertThat(r[i][o]).isCloseTo(expected[i][o], within(1e-8));
      }
    }
  }

  @Test
  void channelsThatAreZeroOrCopiesAreLeftOut() {
    // Channel 0 is zero, 2 a copy of 1: any solution must have x1 + x2 = 3, x3 = 2.
    double[][] h = {{0, 0, 0, 0}, {0, 1, 1, 0}, {0, 1, 1, 0}, {0, 0, 0, 4}};
    double[][] r = {{5}, {3}, {3}, {8}};

    GramFactor.of((i, j) -> h[i][j], 4, 0).solve(r, 1);

    assertThat(r[0][0]).isZero();
    assertThat(r[1][0] + r[2][0]).isCloseTo(3, within(1e-9));
    assertThat(r[3][0]).isCloseTo(2, within(1e-9));
  }

  @Test
  void refusesDampingThatIsNoNumber() {
    for (double damping : new double[] {-0.1, Double.NaN, Double.POSITIVE_INFINITY}) {
      assertThatThrownBy(() -> GramFactor.of((i, j) -> 1, 1, damping))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining(String.valueOf(damping));
    }
  }
}
