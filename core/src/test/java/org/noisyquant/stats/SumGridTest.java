package org.noisyquant.stats;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.withinPercentage;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.noisyquant.error.NoisyQuantException;

class SumGridTest {
  @Test
  void roundsHalfToEvenUpToTheBound() {
    Random random = new Random(8);
    for (double bound : new double[] {1e-6, 1, 3, 4, 1e12}) {
      SumGrid grid = SumGrid.forSumsUpTo(bound);
      double unit = Math.scalb(1.0, grid.exponent());
      float[] values = new float[1000];
      for (int i = 0; i < values.length; i++) {
        values[i] = (float) ((2 * random.nextDouble() - 1) * (i % 2 == 0 ? bound : 5 * unit));
      }
      values[0] = (float) bound;
      values[1] = (float) -bound;
      values[2] = (float) (2.5 * unit);
      values[3] = (float) (3.5 * unit);

      for (float value : values) {
        assertThat(grid.round(value)).isEqualTo(Math.rint(value / unit) * unit);
      }
      assertThat(grid.round(values[2])).isEqualTo(2 * unit);
      assertThat(grid.round(values[3])).isEqualTo(4 * unit);
    }
  }

  @Test
  void theGridIsFine() {
    assertThat(Math.scalb(1.0, SumGrid.forSumsUpTo(1.0).exponent())).isEqualTo(0x1p-50);
  }

  @Test
  void aValueBeyondTheBoundIsAnError() {
    SumGrid grid = SumGrid.forSumsUpTo(1.0);

    assertThatThrownBy(() -> grid.round(9.0)).isInstanceOf(NoisyQuantException.class);
    assertThatThrownBy(() -> grid.round(Double.NaN)).isInstanceOf(NoisyQuantException.class);
  }

  @Test
  void sumsOnAGridAreExactInAnyOrder() {
    Random random = new Random(4);
    List<Double> values = new ArrayList<>();
    double bound = 0;
    for (int i = 0; i < 1000; i++) {
      double v = Math.exp(random.nextGaussian() * 6);
      values.add(v);
      bound += v;
    }
    SumGrid grid = SumGrid.forSumsUpTo(bound);
    double forward = 0;
    for (double v : values) {
      forward += grid.round(v);
    }
    Collections.shuffle(values, random);
    double shuffled = 0;
    double halves = 0;
    for (int i = 0; i < 1000; i++) {
      shuffled += grid.round(values.get(i));
      halves += i < 500 ? 0 : grid.round(values.get(i));
    }
    double firstHalf = 0;
    for (int i = 0; i < 500; i++) {
      firstHalf += grid.round(values.get(i));
    }

    assertThat(shuffled).isEqualTo(forward);
    assertThat(firstHalf + halves).isEqualTo(forward);
    assertThat(forward).isCloseTo(bound, withinPercentage(1e-9));
  }
}
