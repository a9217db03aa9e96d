package org.noisyquant.stats;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.noisyquant.error.NoisyQuantException;

class ChannelHistogramsTest {
  @Test
  void countsEachValueInTheBinThatHoldsIt() {
    ChannelHistograms h = ChannelHistograms.empty(1);
    float[] values = {0f, -0.001f, 1f, -1f, 3.99f, -4f, 2.5f};

    h.update(values, 0, values.length);

    // |−4| needs k + 9 > 2 by its binary exponent, so bins are 2^−6 wide.
    assertThat(h.exponent(0)).isEqualTo(-6);
    for (float v : values) {
      int bin = (int) Math.floor(v * 64) + 512;
      assertThat(h.count(0, bin)).as("bin of " + v).isEqualTo(1);
    }
    assertThat(h.minimum(0)).isEqualTo(-4f);
    assertThat(h.maximum(0)).isEqualTo(3.99f);
    assertThat(h.absMax(0)).isEqualTo(4f);
  }

  @Test
  void theOrderOfValuesDoesNotMatter() {
    ChannelHistograms rising = ChannelHistograms.empty(1);
    ChannelHistograms falling = ChannelHistograms.empty(1);
    int n = 60;
    for (int i = 0; i < n; i++) {
      float up = (float) Math.scalb(-1.1, i - 40);
      float down = (float) Math.scalb(-1.1, n - 1 - i - 40);
      rising.update(new float[] {up}, 0, 1);
      falling.update(new float[] {down}, 0, 1);
    }

    assertSameCounts(rising, falling);
  }

  @Test
  void constantZeroStaysAtTheFinestBins() {
    ChannelHistograms h = ChannelHistograms.empty(1);

    h.update(new float[] {0f, -0f, 0f}, 0, 3);

    assertThat(h.exponent(0)).isEqualTo(ChannelHistograms.MIN_EXPONENT);
    assertThat(h.count(0, 512)).isEqualTo(3);
    assertThat(h.absMax(0)).isZero();
  }

  /** Values at, just below and just above borders of bins, and next to zero. */
  @Test
  void noValueIsRoundedAcrossTheBorderOfItsBin() {
    int exponent = 1;
    float[] values = new float[6 * 1022];
    for (int i = 0; i < 1022; i++) {
      float border = (i - 511) * 2f;
      values[6 * i] = border;
      values[6 * i + 1] = Math.nextUp(border);
      values[6 * i + 2] = Math.nextDown(border);
      values[6 * i + 3] = border + 1e-4f;
      values[6 * i + 4] = border - 1e-4f;
      values[6 * i + 5] = border + 1;
    }
    ChannelHistograms h = ChannelHistograms.empty(1);

    h.update(values, 0, values.length);

    int[] expected = new int[ChannelHistograms.BINS];
    for (float v : values) {
      expected[(int) Math.floor(v / 2.0) + 512]++;
    }
    assertThat(h.exponent(0)).isEqualTo(exponent);
    for (int bin = 0; bin < expected.length; bin++) {
      assertThat(h.count(0, bin)).as("bin %d", bin).isEqualTo(expected[bin]);
    }
  }

  @Test
  void theOrderOfZerosDoesNotMatter() {
    ChannelHistograms a = ChannelHistograms.empty(1);
    ChannelHistograms b = ChannelHistograms.empty(1);

    a.update(new float[] {0f, -0f, 1f}, 0, 3);
    b.update(new float[] {-0f, 1f, 0f}, 0, 3);

    assertThat(a.minimum(0)).isEqualTo(b.minimum(0));
    assertThat(a.count(0, 512)).isEqualTo(2).isEqualTo(b.count(0, 512));
  }

  @Test
  void manyTokensAreCountedAsIfOneByOne() {
    Random random = new Random(8);
    int channels = 100;
    int tokens = 1500;
    float[] values = new float[tokens * channels];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) (random.nextGaussian() * (1 + i % channels));
    }
    ChannelHistograms atOnce = ChannelHistograms.empty(channels);
    ChannelHistograms oneByOne = ChannelHistograms.empty(channels);

    atOnce.update(values, 0, tokens);
    for (int t = 0; t < tokens; t++) {
      oneByOne.update(values, t, t + 1);
    }

    assertSameCounts(atOnce, oneByOne);
  }

  @Test
  void aBinCountsFarBeyondAByte() {
    ChannelHistograms h = ChannelHistograms.empty(1);
    float[] same = new float[1003];
    Arrays.fill(same, 1.01f);
    h.update(same, 0, same.length);
    int bin = (int) Math.floor(Math.scalb(1.01, -h.exponent(0))) + 512;
    assertThat(h.count(0, bin)).isEqualTo(1003);

    // Wider bins: this one's count moves.
    h.update(new float[] {4.5f}, 0, 1);
    int wider = (int) Math.floor(Math.scalb(1.01, -h.exponent(0))) + 512;
    assertThat(wider).isLessThan(bin);
    assertThat(h.count(0, wider)).isEqualTo(1003);

    ChannelHistograms other = ChannelHistograms.empty(1);
    other.update(same, 0, 777);
    h.merge(other);
    h.update(same, 0, 300);
    assertThat(h.count(0, wider)).isEqualTo(1003 + 777 + 300);
    assertThat(h.tokens()).isEqualTo(1004 + 777 + 300);
  }

  @Test
  void anUpdateThatIsRefusedCountsNothing() {
    ChannelHistograms h = ChannelHistograms.empty(1);
    h.update(new float[] {1f}, 0, 1);

    assertThatThrownBy(() -> h.update(new float[] {3f, Float.NaN, 5f}, 0, 3))
        .isInstanceOf(NoisyQuantException.class)
        .hasMessageContaining("NaN");

    assertThat(h.tokens()).isEqualTo(1);
    assertThat(h.maximum(0)).isEqualTo(1f);
    assertThat(h.count(0, 512 + 256)).isEqualTo(1);
  }

  @Test
  void mergingIsAssociativeAndCommutative() {
    Random random = new Random(5);
    float[] values = new float[3000];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) (random.nextGaussian() * Math.pow(10, random.nextInt(7) - 3));
    }
    ChannelHistograms all = ChannelHistograms.empty(3);
    all.update(values, 0, 1000);
    ChannelHistograms a = part(values, 0, 100);
    ChannelHistograms b = part(values, 100, 600);
    ChannelHistograms c = part(values, 600, 1000);
    ChannelHistograms ba = ChannelHistograms.empty(3);
    ba.merge(b);
    ba.merge(a);
    ChannelHistograms cba = ChannelHistograms.empty(3);
    cba.merge(c);
    cba.merge(ba);
    a.merge(b);
    a.merge(c);

    assertSameCounts(a, all);
    assertSameCounts(cba, all);
  }

  @Test
  void refusesNonFiniteActivations() {
    for (float bad : new float[] {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY}) {
      ChannelHistograms h = ChannelHistograms.empty(2);
      assertThatThrownBy(() -> h.update(new float[] {1f, bad}, 0, 1))
          .isInstanceOf(NoisyQuantException.class)
          .hasMessageContaining("channel 1");
    }
  }

  private static ChannelHistograms part(float[] values, int from, int to) {
    ChannelHistograms h = ChannelHistograms.empty(3);
    h.update(values, from, to);
    return h;
  }

  private static void assertSameCounts(ChannelHistograms a, ChannelHistograms b) {
    assertThat(a.tokens()).isEqualTo(b.tokens());
    for (int c = 0; c < a.channels(); c++) {
      assertThat(a.exponent(c)).isEqualTo(b.exponent(c));
      assertThat(a.minimum(c)).isEqualTo(b.minimum(c));
      assertThat(a.maximum(c)).isEqualTo(b.maximum(c));
      for (int i = 0; i < ChannelHistograms.BINS; i++) {
        assertThat(a.count(c, i)).isEqualTo(b.count(c, i));
      }
    }
  }
}
