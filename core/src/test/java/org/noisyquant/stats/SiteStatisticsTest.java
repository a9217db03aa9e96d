package org.noisyquant.stats;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

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
