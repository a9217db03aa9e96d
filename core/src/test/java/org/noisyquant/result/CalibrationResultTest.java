package org.noisyquant.result;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.noisyquant.error.NoisyQuantException;
import org.noisyquant.graph.ActivationSite;
import org.noisyquant.graph.LinearLayer;
import org.noisyquant.search.Candidate;
import org.noisyquant.search.ScoredCandidate;
import org.noisyquant.search.SiteDecision;
import org.noisyquant.search.SiteQuantizer;
import org.noisyquant.search.SiteSolution;

class CalibrationResultTest {
  private static final ActivationSite SITE =
      new ActivationSite(
          3,
          "blocks.0.attn.query+key",
          "t",
          2,
          List.of(new LinearLayer("q", 5, 2, 4, true), new LinearLayer("k", 6, 2, 4, false)),
          ActivationSite.Role.BLOCK,
          1);

  @Test
  void jsonComesBackAsTheSameJson() {
    String json = result(0.5).toJson();

    assertThat(CalibrationResult.fromJson(json, "test").toJson()).isEqualTo(json);
  }

  @Test
  void aSiteHasItsChoicesInNumbers() {
    SiteResult site = result(0.5).sites().get(0);

    // A = 31, 6 bits: step = 31 · 0.5 / 31; N = s · (0.25 + 1 · u).
    assertThat(site.chosen().step()).isEqualTo(0.5f);
    assertThat(site.noise()).containsExactly(0.625f, -0.375f);
    assertThat(site.layers()).containsExactly("q", "k");
    assertThat(site.outputs()).isEqualTo(8);
  }

  @Test
  void noHeldOutLossIsLeftOutRatherThanNaN() {
    assertThat(result(Double.NaN).toJson()).doesNotContain("NaN").doesNotContain("heldOutLoss");
  }

  @Test
  void refusesOtherFilesAndFormats() {
    String other = result(0.5).toJson().replace("\"formatVersion\" : 1", "\"formatVersion\" : 9");

    assertThatThrownBy(() -> CalibrationResult.fromJson("{", "x.json"))
        .isInstanceOf(NoisyQuantException.class)
        .hasMessageContaining("x.json");
    assertThatThrownBy(() -> CalibrationResult.fromJson(other, "x.json"))
        .isInstanceOf(NoisyQuantException.class)
        .hasMessageContaining("9");
  }

  private static CalibrationResult result(double heldOut) {
    ScoredCandidate baseline = new ScoredCandidate(new Candidate(0.5, 0, 0), 2, heldOut);
    ScoredCandidate chosen = new ScoredCandidate(new Candidate(0.5, 0.25, 1), 1, heldOut);
    SiteSolution solution =
        SiteSolution.of(
            3,
            31f,
            List.of(new ScoredCandidate(Candidate.MIN_MAX, 3, heldOut), baseline),
            List.of(baseline),
            List.of(baseline, chosen));
    SiteQuantizer quantizer = new SiteQuantizer(6, 31f, new float[] {1f, -1f});
    Provenance provenance =
        new Provenance(
            "1", "2", "amd64", 1, "abc", Map.of("x", 1), 10, 2, 3, 0, "def", new TreeMap<>());
    return new CalibrationResult(
        CalibrationResult.FORMAT_VERSION,
        provenance,
        List.of(SiteResult.of(SITE, 6, 6, SiteDecision.of(solution, quantizer))),
        new CalibrationResult.Run("host", "2026-01-01T00:00:00Z", 1.5, "4.1.0", "local[2]"));
  }
}
