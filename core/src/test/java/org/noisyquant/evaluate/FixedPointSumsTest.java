package org.noisyquant.evaluate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.RoundingMode;
import java.nio.ByteBuffer;
import java.util.Random;
import org.junit.jupiter.api.Test;

class FixedPointSumsTest {
  private static final BigDecimal UNIT = new BigDecimal(Math.scalb(1.0, -64));

  /** An accumulator of one replicate that holds weight·value. */
  private static FixedPointSums sum(double value, int weight) {
    FixedPointSums sums = new FixedPointSums(1);
    sums.add(value, new int[] {weight});
    return sums;
  }

  @Test
  void sumsEqualThoseOfBigDecimalBitForBit() {
    Random random = new Random(3);
    FixedPointSums sums = new FixedPointSums(1);
    BigDecimal expected = BigDecimal.ZERO;
    for (int i = 0; i < 2000; i++) {
      double value = Math.scalb(random.nextDouble(), random.nextInt(120) - 75);
      int weight = random.nextInt(PoissonWeights.MAX + 1);
      sums.add(value, new int[] {weight});
      BigDecimal rounded =
          new BigDecimal(value).divide(UNIT, 0, RoundingMode.HALF_EVEN).multiply(UNIT);
      expected = expected.add(rounded.multiply(BigDecimal.valueOf(weight)));
    }
    ByteBuffer written = ByteBuffer.allocate(2 * Long.BYTES);
    sums.write(written);
    BigDecimal units = new BigDecimal(new BigInteger(written.array()));
    assertThat(units.multiply(UNIT)).isEqualByComparingTo(expected);
    assertThat(sums.get(0)).isEqualTo(expected.doubleValue());
  }

  @Test
  void valuesFromTwoToMinusTwelveUpLoseNothing() {
    double value = Math.nextUp(0x1p-12);
    assertThat(sum(value, 1).get(0)).isEqualTo(value);
  }

  @Test
  void aValueBelowOneDoesNotRoundUpToOne() {
    assertThat(sum(Math.nextDown(1.0), 1).get(0)).isEqualTo(Math.nextDown(1.0));
  }

  @Test
  void halfAUnitRoundsToEven() {
    assertThat(sum(0x1p-65, 1).get(0)).isZero();
    assertThat(sum(0x1.8p-64, 1).get(0)).isEqualTo(0x1p-63);
  }

  @Test
  void fractionsCarryIntoTheInteger() {
    FixedPointSums sums = sum(0.75, 3);
    sums.merge(sum(0.875, 1));
    assertThat(sums.get(0)).isEqualTo(3.125);
  }

  @Test
  void anOverflowIsAnErrorAndNotAWrap() {
    FixedPointSums sums = sum(0x1.fp57, 16);
    assertThatThrownBy(() -> sums.add(0x1.fp57, new int[] {18}))
        .isInstanceOf(ArithmeticException.class)
        .hasMessageContaining("2^63");
  }

  @Test
  void anOverflowOfAMergeIsAnError() {
    FixedPointSums sums = sum(0x1.fp57, 16);
    FixedPointSums others = sum(0x1.fp57, 18);
    assertThatThrownBy(() -> sums.merge(others))
        .isInstanceOf(ArithmeticException.class)
        .hasMessageContaining("2^63");
  }

  @Test
  void theLargestValueTimesTheLargestWeightFits() {
    double value = Math.nextDown(FixedPointSums.LIMIT);
    assertThat(sum(value, PoissonWeights.MAX).get(0)).isEqualTo(value * PoissonWeights.MAX);
  }

  @Test
  void valuesOutsideOfTheRangeAreRefused() {
    for (double value : new double[] {-1e-30, 0x1p58, Double.NaN, Double.POSITIVE_INFINITY}) {
      assertThatThrownBy(() -> sum(value, 1))
          .isInstanceOf(ArithmeticException.class)
          .hasMessageContaining(String.valueOf(value));
    }
  }
}
