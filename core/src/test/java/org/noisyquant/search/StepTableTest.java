package org.noisyquant.search;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.noisyquant.search.TestSite.Shape;

class StepTableTest {
  private static final int BITS = 4;
  private static final int CHANNELS = 6;
  private static final TestSite SITE = TestSite.of(Shape.GAUSSIAN, CHANNELS, 1, 2000, 1);

  private static CostModel model(boolean biasCorrection) {
    float[] w = TestSite.weights(CHANNELS, 10, 2);
    return SITE.model(BITS, OutputWeights.joined(CHANNELS, List.of(w)), biasCorrection);
  }

  private static float top() {
    return SITE.largest() / 7;
  }

  @Test
  void sixteenPlacesHalveTheStep() {
    StepTable table = new StepTable(model(true), 8f, false, false);

    assertThat(table.step(0)).isEqualTo(8f);
    assertThat(table.step(16)).isEqualTo(4f);
    assertThat(table.step(8)).isEqualTo((float) (8 / Math.sqrt(2)));
    assertThat(table.step(-16)).isEqualTo(16f);
  }

  @Test
  void withoutOffsetsAPlaceCostsTheErrorOfItsStep() {
    for (boolean corrected : new boolean[] {true, false}) {
      StepTable table = new StepTable(model(corrected), top(), false, false);
      // Every fourth place is computed, those between are interpolated.
      for (int place = 0; place < 32; place += 4) {
        for (int c = 0; c < CHANNELS; c++) {
          double exact = exactCost(SITE.values(c), table.step(place), corrected);
          assertThat((double) table.cost(c, place))
              .as("channel %d, place %d", c, place)
              .isEqualTo(exact, within(0.02 * exact));
        }
      }
    }
  }

  private static double exactCost(float[] values, double step, boolean corrected) {
    double sum = 0;
    double squares = 0;
    for (float x : values) {
      double e = TestSite.quantized(x, step, BITS) - x;
      sum += e / values.length;
      squares += e * e / values.length;
    }
    return squares - (corrected ? sum * sum : 0);
  }

  @Test
  void betweenComputedPlacesCostsAreInterpolated() {
    StepTable table = new StepTable(model(true), top(), true, false);
    for (int c = 0; c < CHANNELS; c++) {
      float middle = (table.cost(c, 8) + table.cost(c, 12)) / 2;
      assertThat(table.cost(c, 10)).isEqualTo(middle, within(1e-6f * middle));
    }
  }

  @Test
  void offsetsNeverCostMore() {
    StepTable plain = new StepTable(model(true), top(), false, false);
    StepTable offsets = new StepTable(model(true), top(), true, false);
    int better = 0;
    for (int c = 0; c < CHANNELS; c++) {
      for (int place = 0; place < 32; place++) {
        assertThat(offsets.cost(c, place)).isLessThanOrEqualTo(plain.cost(c, place));
        better += offsets.cost(c, place) < 0.9f * plain.cost(c, place) ? 1 : 0;
      }
    }
    assertThat(better).isPositive();
  }

  @Test
  void beyondTheTableAChannelCostsWhatItDoesAtTheEnd() {
    StepTable table = new StepTable(model(true), top(), false, false);

    assertThat(table.cost(2, 1000)).isEqualTo(table.cost(2, 76));
    assertThat(table.cost(2, -3)).isEqualTo(table.cost(2, 0));
  }

  @Test
  void theBestPlaceOfAChannelCostsLeast() {
    StepTable table = new StepTable(model(true), top(), true, true);
    for (int c = 0; c < CHANNELS; c++) {
      float least = Float.POSITIVE_INFINITY;
      for (int place = 0; place < 256; place++) {
        least = Math.min(least, table.cost(c, place));
      }
      assertThat(table.cost(c, table.best(c))).isEqualTo(least);
    }
  }

  @Test
  void constantChannelsHaveNoBestPlace() {
    float[] values = SITE.values(0);
    float[] constant = new float[values.length];
    Arrays.fill(constant, 0.7f);
    TestSite site = TestSite.ofChannels(values, constant, new float[values.length]).withPrefix(1);
    for (boolean corrected : new boolean[] {true, false}) {
      for (boolean offsets : new boolean[] {true, false}) {
        CostModel model = site.model(BITS, OutputWeights.identity(3), corrected);
        StepTable table = new StepTable(model, site.largest() / 7, offsets, true);

        assertThat(table.best(0)).isNotNegative();
        assertThat(table.best(1)).isEqualTo(-1);
        assertThat(table.best(2)).isEqualTo(-1);
      }
    }
  }

  @Test
  void ownRangesReachDownToTheNarrowestChannel() {
    float[] values = SITE.values(0);
    TestSite site = TestSite.ofChannels(values, values).scaled(new float[] {1, 1 / 256f});
    CostModel model = site.model(BITS, OutputWeights.identity(2), true);
    StepTable table = new StepTable(model, site.largest() / 7, false, true);

    assertThat(table.best(1) - table.best(0)).isEqualTo(16 * 8);
    assertThat((double) table.cost(1, table.best(1)) * 65536)
        .isEqualTo(table.cost(0, table.best(0)), within(0.02 * table.cost(0, table.best(0))));
  }

  @Test
  void theCommonStepIsTheOneOfBruteForce() {
    CostModel model = model(true);
    StepTable table = new StepTable(model, top(), true, true);
    for (int[] moves : new int[][] {new int[CHANNELS], {0, 3, -2, 5, 1, -4}, {2, 2, 2, 3, 3, 3}}) {
      int best = 0;
      double least = Double.POSITIVE_INFINITY;
      for (int place = -Arrays.stream(moves).min().getAsInt(); place < 400; place++) {
        double sum = 0;
        for (int c = 0; c < CHANNELS; c++) {
          sum += model.gain(c) * table.cost(c, place + moves[c]);
        }
        if (sum < least) {
          least = sum;
          best = place;
        }
      }
      StepTable.Best found = table.common(model, moves);

      assertThat(found.place()).isEqualTo(best);
      assertThat(found.cost()).isEqualTo(least);
    }
  }

  @Test
  void movingAllChannelsMovesTheCommonStepBack() {
    CostModel model = model(true);
    StepTable table = new StepTable(model, top(), true, false);
    int[] moves = new int[CHANNELS];
    Arrays.fill(moves, 3);

    assertThat(table.common(model, moves).place())
        .isEqualTo(table.common(model, new int[CHANNELS]).place() - 3);
  }

  @Test
  void aSiteOfZerosCostsNothing() {
    TestSite site = TestSite.ofChannels(new float[10], new float[10]);
    CostModel model = site.model(BITS, OutputWeights.identity(2), true);
    StepTable table = new StepTable(model, 1f, true, true);

    assertThat(table.common(model, new int[2]).cost()).isZero();
    assertThat(table.best(0)).isEqualTo(-1);
  }
}
