package org.noisyquant.search;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.Random;
import org.assertj.core.api.SoftAssertions;
import org.junit.jupiter.api.Test;
import org.noisyquant.search.TestSite.Shape;

class OffsetSearchTest {
  private static ChannelDistribution channel(int bits, float[] values) {
    return TestSite.ofChannels(values).model(bits, OutputWeights.identity(1), true).channel(0);
  }

  private static float[] gaussians(int count, double mean, double deviation) {
    Random random = new Random(3);
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) (mean + deviation * random.nextGaussian());
    }
    return values;
  }

  private static OffsetSearch search(int bits, boolean corrected, float[] values, float... steps) {
    OffsetSearch search =
        new OffsetSearch(bits, corrected, UnseenValues.NONE, steps.length, OffsetSearch.FINE);
    search.search(channel(bits, values), steps, steps.length);
    return search;
  }

  /** Var(e) or E[e²] over the values themselves. */
  private static double exactCost(
      int bits, boolean corrected, float[] values, double step, double offset) {
    double sum = 0;
    double squares = 0;
    for (float x : values) {
      double t = x + offset;
      double e = TestSite.quantized(t, step, bits) - t;
      sum += e;
      squares += e * e;
    }
    double mean = sum / values.length;
    return squares / values.length - (corrected ? mean * mean : 0);
  }

  /** The least cost over offsets from one end of the values to the other, 32 to a step. */
  private static double bruteForce(int bits, boolean corrected, float[] values, double step) {
    float low = Float.POSITIVE_INFINITY;
    float high = Float.NEGATIVE_INFINITY;
    for (float x : values) {
      low = Math.min(low, x);
      high = Math.max(high, x);
    }
    double levels = step * (1 << (bits - 1));
    double least = Double.POSITIVE_INFINITY;
    for (double n = -levels - high; n < levels - low; n += step / 32) {
      least = Math.min(least, exactCost(bits, corrected, values, step, n));
    }
    return least;
  }

  @Test
  void knowsWhatAStepCostsWithoutAnOffset() {
    float[] values = gaussians(2000, 0.7, 1);
    float[] steps = {0.9f, 0.4f, 0.2f};
    for (boolean corrected : new boolean[] {true, false}) {
      OffsetSearch search = search(4, corrected, values, steps);
      for (int j = 0; j < steps.length; j++) {
        double exact = exactCost(4, corrected, values, steps[j], 0);
        assertThat((double) search.plainCost(j)).isCloseTo(exact, within(0.02 * exact));
      }
    }
  }

  @Test
  void findsWhatBruteForceFinds() {
    SoftAssertions softly = new SoftAssertions();
    for (Shape shape : Shape.values()) {
      float[] values = TestSite.of(shape, 1, 1, 1000, 21).values(0);
      float largest = TestSite.ofChannels(values).largest();
      for (int bits : new int[] {3, 5}) {
        for (boolean corrected : new boolean[] {true, false}) {
          float widest = largest / ((1 << (bits - 1)) - 1);
          float[] steps = {4 * widest, widest, 0.7f * widest, 0.4f * widest, 0.2f * widest};
          OffsetSearch search = search(bits, corrected, values, steps);
          for (int j = 0; j < steps.length; j++) {
            double found = exactCost(bits, corrected, values, steps[j], search.offset(j));
            double least = bruteForce(bits, corrected, values, steps[j]);
            // Offsets are 1/16 of a step apart: (s/32)² is 1.2 % of s²/12.
            softly
                .assertThat(found)
                .as("%s, %d bits, corrected: %s, step %d", shape, bits, corrected, j)
                .isLessThan(1.01 * least + 0.0125 * steps[j] * steps[j] / 12);
          }
        }
      }
    }
    softly.assertAll();
  }

  @Test
  void findsWhatBruteForceFindsAmongHundredsOfLevels() {
    SoftAssertions softly = new SoftAssertions();
    for (Shape shape : Shape.values()) {
      float[] values = TestSite.of(shape, 1, 1, 400, 21).values(0);
      float widest = TestSite.ofChannels(values).largest() / 127;
      for (boolean corrected : new boolean[] {true, false}) {
        float[] steps = {widest, 0.6f * widest, 0.3f * widest};
        OffsetSearch search = search(8, corrected, values, steps);
        for (int j = 0; j < steps.length; j++) {
          double found = exactCost(8, corrected, values, steps[j], search.offset(j));
          double least = bruteForce(8, corrected, values, steps[j]);
          // Few values are not spread evenly over the places between levels.
          softly
              .assertThat(found)
              .as("%s, corrected: %s, step %d", shape, corrected, j)
              .isLessThan(1.01 * least + 0.15 * steps[j] * steps[j] / 12);
        }
      }
    }
    softly.assertAll();
  }

  @Test
  void whatItCostsAmongHundredsOfLevelsIsNotAnEstimate() {
    // Half of the values lie on one point: what they cost hangs on where it is between levels.
    float[] values = gaussians(2000, 0, 1);
    for (int i = 0; i < values.length; i += 2) {
      values[i] = 0.2578f;
    }
    OffsetSearch search = search(8, true, values, 0.1f);
    double exact = exactCost(8, true, values, 0.1f, search.offset(0));

    assertThat((double) search.cost(0)).isEqualTo(exact, within(0.1 * exact));
    assertThat(exact).isLessThan(0.8 * 0.01 / 12);
    double plain = exactCost(8, true, values, 0.1f, 0);
    assertThat((double) search.plainCost(0)).isEqualTo(plain, within(0.1 * plain));
  }

  @Test
  void theCostIsThatOfTheOffset() {
    float[] values = TestSite.of(Shape.GELU, 1, 1, 3000, 21).values(0);
    for (boolean corrected : new boolean[] {true, false}) {
      OffsetSearch search = search(4, corrected, values, 0.3f);
      double exact = exactCost(4, corrected, values, 0.3f, search.offset(0));

      assertThat((double) search.cost(0)).isEqualTo(exact, within(0.01 * exact));
    }
  }

  @Test
  void aNarrowChannelIsPutOnALevel() {
    // Within ± 0.2 of 2.3; levels are whole numbers.
    float[] values = gaussians(1000, 2.3, 0.04);
    OffsetSearch search = search(4, false, values, 1f);

    double centre = 2.3 + search.offset(0);
    assertThat(centre - Math.rint(centre)).isEqualTo(0, within(1.0 / 32));
    assertThat((double) search.cost(0)).isEqualTo(0.0016, within(1.0 / 32 / 32));
  }

  @Test
  void aNarrowChannelBetweenLevelsIsNotLeftThere() {
    // At 0.5 half of it rounds up and half down, though the mean error is zero.
    float[] values = gaussians(1000, 0.5, 0.04);
    OffsetSearch search = search(4, true, values, 1f);

    assertThat((double) search.cost(0)).isEqualTo(0.0016, within(2e-4));
    assertThat(exactCost(4, true, values, 1, 0)).isGreaterThan(0.15);
  }

  @Test
  void aShiftedChannelIsMovedToWhereTheLevelsAre() {
    // Levels −2 … 1.5, centred at −0.25; the channel is about as wide, and 40 steps away.
    float[] values = gaussians(3000, 20, 0.5);
    OffsetSearch search = search(3, true, values, 0.5f);

    assertThat((double) search.offset(0)).isEqualTo(-20.25, within(0.5));
    assertThat(search.cost(0)).isLessThan(1.1f * 0.25f / 12);
  }

  @Test
  void aChannelThatIsClippedAtBothEndsIsPutInTheMiddle() {
    // Uniform from 10 to 18; eight levels 0.5 apart reach over half of it.
    float[] values = new float[4001];
    for (int i = 0; i < values.length; i++) {
      values[i] = 10 + 8f * i / 4000;
    }
    OffsetSearch search = search(3, false, values, 0.5f);

    // Levels −2 … 1.5 have their middle at −0.25.
    assertThat((double) search.offset(0)).isEqualTo(-14.25, within(0.06));
  }

  @Test
  void offsetsOfAChannelThatFitsAreLessThanAStep() {
    float[] values = gaussians(1000, 0, 0.5);
    OffsetSearch search = search(6, true, values, 0.2f, 0.3f);

    assertThat(Math.abs(search.offset(0))).isLessThanOrEqualTo(0.15f);
    assertThat(Math.abs(search.offset(1))).isLessThanOrEqualTo(0.2f);
  }

  @Test
  void aChannelThatFitsLeavesRoomWhereOthersReach() {
    // Levels −4 … 3.5. One channel within ± 0.5, the other from −0.5 to 7 as others may go.
    float[] narrow = gaussians(2000, 0, 0.1);
    float[] wide = new float[2000];
    for (int i = 0; i < wide.length; i++) {
      wide[i] = -0.5f + 7.5f * i / 2000;
    }
    CostModel site = TestSite.ofChannels(narrow, wide).model(4, OutputWeights.identity(2), true);
    OffsetSearch search = new OffsetSearch(4, true, site.unseen(), 1, OffsetSearch.FINE);
    search.search(site.channel(0), new float[] {0.5f}, 1);

    double lowest = narrow[0];
    for (float x : narrow) {
      lowest = Math.min(lowest, x);
    }
    // As near to the lowest level as the channel's own values allow.
    assertThat(lowest + search.offset(0)).isBetween(-4.25, -3.6);
    double best = bruteForce(4, true, narrow, 0.5);
    assertThat(exactCost(4, true, narrow, 0.5, search.offset(0))).isLessThan(1.2 * best);
    assertThat((double) search.cost(0))
        .isEqualTo(exactCost(4, true, narrow, 0.5, search.offset(0)), within(0.05 * best));
  }

  @Test
  void aConstantChannelCostsNothingWhereBiasesAreCorrected() {
    OffsetSearch search = search(4, true, new float[] {3.3f, 3.3f}, 0.5f, 1f);

    for (int j = 0; j < 2; j++) {
      assertThat(search.cost(j)).isZero();
      assertThat(search.offset(j)).isFinite();
    }
  }

  @Test
  void aConstantChannelIsPutOnALevelWhereBiasesAreNot() {
    OffsetSearch search = search(4, false, new float[] {3.3f, 3.3f}, 0.5f);

    assertThat(Math.IEEEremainder(3.3 + search.offset(0), 0.5)).isEqualTo(0, within(0.5 / 30));
  }

  @Test
  void stepsDoNotDependOnEachOther() {
    float[] values = gaussians(2000, 1, 1);
    OffsetSearch both = search(4, true, values, 0.4f, 0.5f);
    OffsetSearch alone = search(4, true, values, 0.5f);

    assertThat((double) both.cost(1)).isEqualTo(alone.cost(0), within(1e-3 * alone.cost(0)));
  }

  @Test
  void aSearchCanBeUsedAgain() {
    float[] values = gaussians(2000, 1, 1);
    OffsetSearch search = search(4, true, gaussians(500, -7, 3), 0.1f, 0.5f, 2f);
    search.search(channel(4, values), new float[] {0.5f}, 1);

    assertThat(search.offset(0)).isEqualTo(search(4, true, values, 0.5f).offset(0));
  }
}
