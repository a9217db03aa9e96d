package org.noisyquant.runtime;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.noisyquant.stats.InputMoments;
import org.noisyquant.stats.TokenProducts;
import org.noisyquant.testing.PlainTokenProducts;

class MomentsRunnerTest {
  // Two blocks of rows of unequal size.
  private static final int CHANNELS = 300;

  private static MomentsRunner runner;

  @BeforeAll
  static void open() {
    runner = MomentsRunner.open(1);
  }

  @AfterAll
  static void close() {
    runner.close();
  }

  @Test
  void agreesWithThePlainLoop() {
    for (int channels : new int[] {1, 3, CHANNELS}) {
      float[] weights = {20f, 1f, 1f, 0f, 0.3f, 1f, 1f, 1f, 1f};
      InputMoments fast = moments(channels, true, weights, runner.newRun());
      InputMoments plain = moments(channels, true, weights, new PlainTokenProducts());

      assertThat(fast.weight()).isEqualTo(plain.weight());
      for (int i = 0; i < channels; i++) {
        assertThat(fast.quantizedMean(i)).isEqualTo(plain.quantizedMean(i));
        assertThat(fast.inputMean(i)).isEqualTo(plain.inputMean(i));
        for (int j = 0; j < channels; j++) {
          // Values are about 1: float sums of a few dozen products.
          assertThat(fast.quantizedMoment(i, j))
              .isCloseTo(plain.quantizedMoment(i, j), within(2e-6));
          assertThat(fast.crossMoment(i, j)).isCloseTo(plain.crossMoment(i, j), within(2e-6));
        }
      }
    }
  }

  @Test
  void withoutCrossProductsTheOthersAgreeWithThePlainLoop() {
    InputMoments fast = moments(CHANNELS, false, null, runner.newRun());
    InputMoments plain = moments(CHANNELS, false, null, new PlainTokenProducts());

    for (int i = 0; i < CHANNELS; i++) {
      for (int j = 0; j < CHANNELS; j++) {
        assertThat(fast.quantizedMoment(i, j)).isCloseTo(plain.quantizedMoment(i, j), within(2e-6));
      }
    }
  }

  @Test
  void buffersOfALargerImageDoNotShowInASmallerOne() {
    MomentsRunner.Run used = runner.newRun();
    moments(CHANNELS, null, used);

    assertThat(moments(3, null, used).toBytes())
        .isEqualTo(moments(3, null, runner.newRun()).toBytes());
  }

  @Test
  void anImageWithoutTokensAddsNothing() {
    InputMoments m = InputMoments.empty(0, 3, true, new InputMoments.Bounds(1, 1));
    byte[] before = m.toBytes();

    m.update(new float[0], new float[0], 0, null, runner.newRun());

    assertThat(m.toBytes()).isEqualTo(before);
  }

  @Test
  void tasksShareOneRunner() throws Exception {
    byte[] expected = moments(CHANNELS, null, runner.newRun()).toBytes();
    ExecutorService tasks = Executors.newFixedThreadPool(2);
    try {
      List<Future<byte[]>> results = new ArrayList<>();
      for (int i = 0; i < 4; i++) {
        results.add(tasks.submit(() -> moments(CHANNELS, null, runner.newRun()).toBytes()));
      }
      for (Future<byte[]> result : results) {
        assertThat(result.get()).isEqualTo(expected);
      }
    } finally {
      tasks.shutdown();
    }
  }

  private static InputMoments moments(int channels, float[] weights, TokenProducts products) {
    return moments(channels, true, weights, products);
  }

  private static InputMoments moments(
      int channels, boolean cross, float[] weights, TokenProducts products) {
    InputMoments m = InputMoments.empty(0, channels, cross, new InputMoments.Bounds(10, 100));
    Random random = new Random(channels);
    for (int tokens : new int[] {9, 2, 9}) {
      float[] z = new float[tokens * channels];
      float[] x = new float[tokens * channels];
      for (int i = 0; i < z.length; i++) {
        x[i] = (float) random.nextGaussian();
        z[i] = Math.round(4 * x[i]) / 4f;
      }
      m.update(z, x, tokens, weights, products);
    }
    return m;
  }
}
