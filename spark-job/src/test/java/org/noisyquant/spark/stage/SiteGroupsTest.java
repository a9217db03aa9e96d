package org.noisyquant.spark.stage;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;

class SiteGroupsTest {
  @Test
  void whatFitsIsOneGroup() {
    assertThat(SiteGroups.of(List.of(3L, 4L, 5L), 12)).containsExactly(List.of(0, 1, 2));
  }

  @Test
  void neighboursAreTogetherUpToTheBound() {
    assertThat(SiteGroups.of(List.of(3L, 4L, 5L, 2L), 7))
        .containsExactly(List.of(0, 1), List.of(2, 3));
  }

  @Test
  void aSiteAboveTheBoundIsAlone() {
    assertThat(SiteGroups.of(List.of(1L, 9L, 1L), 7))
        .containsExactly(List.of(0), List.of(1), List.of(2));
  }

  @Test
  void theLargestGroupIsWhatAPassHolds() {
    assertThat(SiteGroups.largest(List.of(3L, 4L, 5L, 1L), 7)).isEqualTo(7);
  }
}
