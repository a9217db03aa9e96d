package org.noisyquant.search;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.noisyquant.search.TestSite.Shape;

class RescaleSearchTest {
  private static final int BITS = 4;
  private static final int CHANNELS = 8;
  private static final int OUTPUTS = 16;

  /** All channels have the same values. */
  private static TestSite equalChannels() {
    float[] values = TestSite.of(Shape.GAUSSIAN, 1, 1, 1500, 4).values(0);
    float[][] all = new float[CHANNELS][];
    Arrays.fill(all, values);
    return TestSite.ofChannels(all);
  }

  /** Ranges from 1/8 to 16, each twice that of the channel before. */
  private static float[] octaves() {
    float[] scales = new float[CHANNELS];
    for (int c = 0; c < CHANNELS; c++) {
      scales[c] = (float) Math.pow(2, c - 3);
    }
    return scales;
  }

  private static int[] moves(TestSite site, float[] w, int weightBits, boolean biasCorrection) {
    CostModel model =
        site.model(BITS, OutputWeights.joined(site.channels(), List.of(w)), biasCorrection);
    StepTable table = new StepTable(model, site.largest() / 7, false, true);
    return new RescaleSearch(model, table, List.of(w), weightBits, 1).moves();
  }

  @Test
  void equalChannelsNeedNoRescale() {
    int[] moves = moves(equalChannels(), TestSite.weights(CHANNELS, OUTPUTS, 1), 4, true);

    assertThat(moves).containsOnly(0);
    assertThat(RescaleSearch.rescale(moves)).containsOnly(1f);
  }

  @Test
  void aPlaceIsASixteenthOfAnOctave() {
    assertThat(RescaleSearch.rescale(new int[] {0, 16, -16, 32}))
        .containsExactly(1f, 0.5f, 2f, 0.25f);
  }

  @Test
  void rescaleFollowsTheRangesWhereWeightsAreFine() {
    float[] w = TestSite.weights(CHANNELS, OUTPUTS, 1);
    // What is wide matters no more than what is narrow: rows are as much smaller.
    for (int i = 0; i < w.length; i++) {
      w[i] /= octaves()[i / OUTPUTS];
    }
    float[] rescale = RescaleSearch.rescale(moves(equalChannels().scaled(octaves()), w, 8, true));

    for (int c = 1; c < CHANNELS; c++) {
      assertThat(rescale[c] / rescale[c - 1]).as("channel %d", c).isEqualTo(2f);
    }
  }

  @Test
  void rowsThatWouldDominateTheirOutputsMakeTheExponentSmaller() {
    TestSite site = equalChannels().scaled(octaves());
    float[] w = TestSite.weights(CHANNELS, OUTPUTS, 1);
    int full = spread(moves(site, w, 8, true));
    // c times its row: the widest channel would set the scale of each output at three bits.
    int coarse = spread(moves(site, w, 3, true));
    float[] steep = w.clone();
    for (int o = 0; o < OUTPUTS; o++) {
      steep[(CHANNELS - 1) * OUTPUTS + o] *= 16;
    }
    int dominated = spread(moves(site, steep, 3, true));

    assertThat(coarse).isLessThan(full);
    assertThat(dominated).isLessThan(coarse);
  }

  private static int spread(int[] moves) {
    return Arrays.stream(moves).max().orElseThrow() - Arrays.stream(moves).min().orElseThrow();
  }

  @Test
  void constantChannelsKeepOne() {
    float[] values = TestSite.of(Shape.GAUSSIAN, 1, 1, 1500, 4).values(0);
    float[] constant = new float[values.length];
    Arrays.fill(constant, -0.03f);
    TestSite site =
        TestSite.ofChannels(values, constant, values, new float[values.length], values)
            .scaled(new float[] {1, 1, 8, 1, 1 / 8f})
            .withPrefix(1);
    float[] w = TestSite.weights(5, OUTPUTS, 1);
    for (boolean corrected : new boolean[] {true, false}) {
      float[] rescale = RescaleSearch.rescale(moves(site, w, 8, corrected));

      assertThat(rescale[1]).isEqualTo(1f);
      assertThat(rescale[3]).isEqualTo(1f);
      assertThat(rescale[2]).isGreaterThan(rescale[4]);
    }
  }

  @Test
  void aSiteOfConstantChannelsKeepsOne() {
    TestSite site = TestSite.ofChannels(new float[] {2, 2, 2}, new float[] {0, 0, 0});

    assertThat(moves(site, TestSite.weights(2, 4, 1), 4, true)).containsExactly(0, 0);
  }

  @Test
  void allLayersOfASiteCount() {
    TestSite site = equalChannels().scaled(octaves());
    float[] w = TestSite.weights(CHANNELS, OUTPUTS, 1);
    CostModel model = site.model(BITS, OutputWeights.joined(CHANNELS, List.of(w, w)), true);
    StepTable table = new StepTable(model, site.largest() / 7, false, true);

    // The same layer twice: both terms double, and nothing changes.
    assertThat(new RescaleSearch(model, table, List.of(w, w), 4, 1).moves())
        .isEqualTo(moves(site, w, 4, true));
  }
}
