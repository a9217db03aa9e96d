package org.noisyquant.spark.stage;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class ImageHashTest {
  /** Values of Python's hashlib.sha256(struct.pack(">q", seed) + text.encode()). */
  @Test
  void theSeededHashIsTheStartOfSha256() {
    assertThat(Long.toHexString(ImageHash.seeded(7, "a/b.png"))).isEqualTo("bec0e5be49eea150");
    assertThat(Long.toHexString(ImageHash.seeded(-1, "ü"))).isEqualTo("25f095348cfd0ca3");
  }

  @Test
  void theHeldOutShareIsTheFraction() {
    long held =
        IntStream.range(0, 10_000).filter(i -> ImageHash.isHeldOut(3, "image" + i, 0.2)).count();

    // Five standard deviations of a binomial distribution: 5·√(10000·0.2·0.8) = 200.
    assertThat(held).isBetween(1800L, 2200L);
  }

  @Test
  void theFractionsZeroAndOneHoldOutNoneAndAll() {
    assertThat(IntStream.range(0, 1000))
        .noneMatch(i -> ImageHash.isHeldOut(3, "image" + i, 0))
        .allMatch(i -> ImageHash.isHeldOut(3, "image" + i, 1));
  }

  @Test
  void anotherSeedHoldsOutOthers() {
    assertThat(IntStream.range(0, 100))
        .anyMatch(
            i ->
                ImageHash.isHeldOut(3, "image" + i, 0.5)
                    != ImageHash.isHeldOut(4, "image" + i, 0.5));
  }
}
