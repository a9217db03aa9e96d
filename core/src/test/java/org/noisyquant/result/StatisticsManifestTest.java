package org.noisyquant.result;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.noisyquant.error.NoisyQuantException;
import org.noisyquant.result.StatisticsManifest.Site;

class StatisticsManifestTest {
  private static final Site A = new Site(0, "a", 192, 1);
  private static final Site B = new Site(3, "b", 768, 1);

  private static StatisticsManifest manifest(double heldOut, long seed, Site... sites) {
    return new StatisticsManifest(1, "abc", Map.of("size", 224), heldOut, seed, List.of(sites));
  }

  @Test
  void jsonComesBackAsTheSameManifest() {
    StatisticsManifest manifest = manifest(0.125, 7, A, B);
    StatisticsManifest read = StatisticsManifest.fromJson(manifest.toJson(), "test");

    assertThat(read).isEqualTo(manifest);
    assertThat(read.toJson()).isEqualTo(manifest.toJson());
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "{", "[]", "{}", "{\"layoutVersion\": 1}", "null"})
  void refusesWhatIsNoManifest(String json) {
    assertThatThrownBy(() -> StatisticsManifest.fromJson(json, "stats/manifest.json"))
        .isInstanceOf(NoisyQuantException.class)
        .hasMessageContaining("stats/manifest.json");
  }

  @Test
  void refusesAnotherLayout() {
    String json =
        manifest(0, 0, A).toJson().replace("\"layoutVersion\" : 1", "\"layoutVersion\" : 9");

    assertThatThrownBy(() -> StatisticsManifest.fromJson(json, "m"))
        .hasMessageContaining("layout 9")
        .hasMessageContaining("reads layout 1");
  }

  @Test
  void statisticsOfMoreSitesFit() {
    assertThat(manifest(0, 0, A, B).differenceFrom(manifest(0, 0, B), true)).isEmpty();
    assertThat(manifest(0, 0, A).differenceFrom(manifest(0, 0, A, B), true))
        .hasValueSatisfying(text -> assertThat(text).contains("site 3"));
  }

  @Test
  void aSiteOfAnotherShapeDoesNotFit() {
    Site wider = new Site(0, "a", 384, 1);

    assertThat(manifest(0, 0, wider).differenceFrom(manifest(0, 0, A), true)).isPresent();
  }

  @Test
  void theHeldOutPartMattersOnlyWhereImagesAreAdded() {
    assertThat(manifest(0, 0, A).differenceFrom(manifest(0.5, 0, A), true))
        .hasValueSatisfying(text -> assertThat(text).contains("heldOutFraction was 0.0, not 0.5"));
    assertThat(manifest(0, 1, A).differenceFrom(manifest(0, 2, A), true))
        .hasValueSatisfying(text -> assertThat(text).contains("seed was 1, not 2"));
    assertThat(manifest(0, 1, A).differenceFrom(manifest(0.5, 2, A), false)).isEmpty();
  }
}
