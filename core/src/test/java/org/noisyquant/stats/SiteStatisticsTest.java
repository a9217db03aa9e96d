package org.noisyquant.stats;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.withinPercentage;

import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.noisyquant.error.NoisyQuantException;
import org.noisyquant.stats.SiteStatistics.Part;
import org.noisyquant.stats.SiteStatistics.TokenGroup;

class SiteStatisticsTest {
  private static final int CHANNELS = 5;
  private static final int TOKENS = 9;

  @Test
  void theBytesDoNotDependOnHowImagesWereSpread() {
    SiteStatistics one = images(0, 21);
    SiteStatistics many = SiteStatistics.empty(4, CHANNELS, 1);
    for (int first : new int[] {14, 0, 7}) {
      many.merge(images(first, first + 7));
    }

    assertThat(many.toBytes()).isEqualTo(one.toBytes());
  }

  @Test
  void mergingAnEmptyStatisticsChangesNothing() {
    SiteStatistics s = images(0, 5);
    byte[] before = s.toBytes();

    s.merge(SiteStatistics.empty(4, CHANNELS, 1));

    assertThat(s.toBytes()).isEqualTo(before);
  }

  @Test
  void bytesComeBackAsTheSameStatistics() {
    SiteStatistics s = images(0, 10);

    assertThat(SiteStatistics.fromBytes(s.toBytes()).toBytes()).isEqualTo(s.toBytes());
  }

  @Test
  void prefixTokensAreCountedApart() {
    SiteStatistics s = SiteStatistics.empty(0, 1, 1);

    s.update(Part.CALIBRATION, new float[] {5f, 1f, 2f}, 3);
    s.update(Part.HELD_OUT, new float[] {-7f, 1f, 2f}, 3);

    assertThat(s.histograms(Part.CALIBRATION, TokenGroup.PREFIX).tokens()).isEqualTo(1);
    assertThat(s.histograms(Part.CALIBRATION, TokenGroup.PATCH).maximum(0)).isEqualTo(2f);
    assertThat(s.absMax(Part.CALIBRATION, 0)).isEqualTo(5f);
    assertThat(s.absMax(Part.HELD_OUT, 0)).isEqualTo(7f);
  }

  @Test
  void magnitudesAreThoseThatAShareOfTheValuesDoesNotExceed() {
    SiteStatistics s = SiteStatistics.empty(0, 2, 1);
    float[] x = new float[2 * 100];
    Arrays.fill(x, -1f);
    x[0] = 3f;
    s.update(Part.CALIBRATION, x, 100);
    s.update(Part.HELD_OUT, x, 100);

    // 2 of 400 values are 3, the others −1; bins are 2^-7 wide.
    assertThat(s.magnitude(0.995)).isCloseTo(1, withinPercentage(1.5));
    assertThat(s.magnitude(0.9951)).isCloseTo(3, withinPercentage(1.5));
    assertThat(s.magnitude(1)).isCloseTo(3, withinPercentage(1.5));
    assertThat(SiteStatistics.empty(0, 2, 1).magnitude(0.5)).isZero();
  }

  @Test
  void refusesToMergeAnotherSite() {
    SiteStatistics s = images(0, 1);

    assertThatThrownBy(() -> s.merge(SiteStatistics.empty(5, CHANNELS, 1)))
        .isInstanceOf(NoisyQuantException.class)
        .hasMessageContaining("different sites");
  }

  @Test
  void refusesDamagedBytes() {
    byte[] bytes = images(0, 3).toBytes();
    byte[] flipped = bytes.clone();
    flipped[bytes.length / 2] ^= 1;

    assertThatThrownBy(() -> SiteStatistics.fromBytes(flipped))
        .isInstanceOf(NoisyQuantException.class);
    for (int length : new int[] {0, 3, 20, bytes.length - 1}) {
      assertThatThrownBy(() -> SiteStatistics.fromBytes(Arrays.copyOf(bytes, length)))
          .isInstanceOf(NoisyQuantException.class);
    }
  }

  private static SiteStatistics images(int from, int to) {
    SiteStatistics s = SiteStatistics.empty(4, CHANNELS, 1);
    for (int i = from; i < to; i++) {
      Random random = new Random(i);
      float[] x = new float[TOKENS * CHANNELS];
      for (int j = 0; j < x.length; j++) {
        x[j] = (float) (random.nextGaussian() * (1 + i));
      }
      s.update(i % 3 == 0 ? Part.HELD_OUT : Part.CALIBRATION, x, TOKENS);
    }
    return s;
  }
}
