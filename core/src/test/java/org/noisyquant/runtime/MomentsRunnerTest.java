package org.noisyquant.runtime;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.noisyquant.stats.CodeProducts;
import org.noisyquant.testing.PlainCodeProducts;

class MomentsRunnerTest {
  // Two blocks of rows of unequal size.
  private static final int ROWS = 301;
  private static final int COLUMNS = 700;

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
  void multipliesExactly() {
    for (int[] shape : new int[][] {{1, 1, 1}, {9, 5, 2}, {197, 7, 7}, {130, COLUMNS, ROWS}}) {
      byte[] codes = codes(shape[0], shape[1]);

      assertThat(products(codes, shape, runner.newRun()))
          .isDeepEqualTo(products(codes, shape, new PlainCodeProducts()));
    }
  }

  @Test
  void theLargestCodesAreMultipliedExactlyToo() {
    int[] shape = {512, 4, 4};
    byte[] codes = new byte[512 * 4];
    for (int i = 0; i < codes.length; i++) {
      codes[i] = (byte) (i % 4 < 2 ? 127 : -128);
    }

    assertThat(products(codes, shape, runner.newRun()))
        .isDeepEqualTo(products(codes, shape, new PlainCodeProducts()));
  }

  @Test
  void kernelsWithoutSignsForOlderProcessorsGiveTheSame() {
    int[] shape = {130, COLUMNS, ROWS};
    byte[] codes = codes(130, COLUMNS);
    try (MomentsRunner unsigned = MomentsRunner.open(1, false)) {
      assertThat(products(codes, shape, unsigned.newRun()))
          .isDeepEqualTo(products(codes, shape, new PlainCodeProducts()));
    }
  }

  @Test
  void buffersOfALargerProductDoNotShowInASmallerOne() {
    MomentsRunner.Run used = runner.newRun();
    products(codes(130, COLUMNS), new int[] {130, COLUMNS, ROWS}, used);

    int[] small = {9, 5, 2};
    assertThat(products(codes(9, 5), small, used))
        .isDeepEqualTo(products(codes(9, 5), small, new PlainCodeProducts()));
  }

  @Test
  void refusesMoreTokensThanAnIntHoldsTheSumsOf() {
    int tokens = CodeProducts.MAX_TOKENS + 1;

    assertThatThrownBy(
            () -> runner.newRun().forEachRow(new byte[tokens], tokens, 1, 1, (i, r) -> {}))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("65537");
  }

  @Test
  void tasksShareOneRunner() throws Exception {
    int[] shape = {130, COLUMNS, ROWS};
    byte[] codes = codes(130, COLUMNS);
    int[][] expected = products(codes, shape, new PlainCodeProducts());
    ExecutorService tasks = Executors.newFixedThreadPool(2);
    try {
      List<Future<int[][]>> results = new ArrayList<>();
      for (int i = 0; i < 4; i++) {
        results.add(tasks.submit(() -> products(codes, shape, runner.newRun())));
      }
      for (Future<int[][]> result : results) {
        assertThat(result.get()).isDeepEqualTo(expected);
      }
    } finally {
      tasks.shutdown();
    }
  }

  private static byte[] codes(int tokens, int columns) {
    byte[] codes = new byte[tokens * columns];
    new Random(columns).nextBytes(codes);
    return codes;
  }

  /** By row; shape is tokens, columns, rows. */
  private static int[][] products(byte[] codes, int[] shape, CodeProducts products) {
    int[][] all = new int[shape[2]][];
    products.forEachRow(
        codes,
        shape[0],
        shape[1],
        shape[2],
        (i, row) -> {
          assertThat(all[i]).isNull();
          all[i] = Arrays.copyOf(row, shape[1] - i);
        });
    return all;
  }
}
