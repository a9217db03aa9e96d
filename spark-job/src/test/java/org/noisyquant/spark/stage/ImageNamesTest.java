package org.noisyquant.spark.stage;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class ImageNamesTest {
  private static final List<String> NAMES =
      IntStream.range(0, 1000).mapToObj(i -> i % 7 + "/" + i + ".png").sorted().toList();

  @Test
  void theOrderOfTheListingChangesNothing() {
    List<String> listing = new ArrayList<>(NAMES);
    List<String> sample = ImageNames.sample(NAMES, 50, 3);

    Random random = new Random(1);
    for (int i = 0; i < 20; i++) {
      Collections.shuffle(listing, random);
      assertThat(ImageNames.sample(listing, 50, 3)).isEqualTo(sample);
    }
  }

  @Test
  void imagesThatAreNotInTheSampleMakeNoDifference() {
    List<String> sample = ImageNames.sample(NAMES, 50, 3);
    List<String> fewer =
        NAMES.stream().filter(name -> sample.contains(name) || name.startsWith("2/")).toList();

    assertThat(ImageNames.sample(fewer, 50, 3)).isEqualTo(sample);
  }

  @Test
  void anotherSeedDrawsAnotherSample() {
    List<String> sample = ImageNames.sample(NAMES, 50, 3);

    // Of 50 out of 1000, 2.5 are expected in both.
    assertThat(ImageNames.sample(NAMES, 50, 4))
        .hasSize(50)
        .filteredOn(sample::contains)
        .hasSizeLessThan(15);
  }
}
