package org.noisyquant.error;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class NearestNameTest {
  @ParameterizedTest
  @CsvSource({"'', abc, 3", "kitten, sitting, 3", "flaw, lawn, 2", "same, same, 0"})
  void distanceCountsInsertionsDeletionsAndReplacements(String a, String b, int expected) {
    assertThat(NearestName.distance(a, b)).isEqualTo(expected);
    assertThat(NearestName.distance(b, a)).isEqualTo(expected);
  }

  @Test
  void theNearestIsFoundWhateverTheCase() {
    assertThat(NearestName.to("WEIGHTBITS", List.of("edgeBits", "weightBits")))
        .contains("weightBits");
  }

  @Test
  void ofEquallyNearNamesTheFirstByAlphabetIsTaken() {
    assertThat(NearestName.to("ab", List.of("ax", "aa"))).contains("aa");
  }

  @Test
  void withoutCandidatesThereIsNone() {
    assertThat(NearestName.to("ab", List.of())).isEmpty();
  }
}
