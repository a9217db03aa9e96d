package org.noisyquant.spark.stage;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.noisyquant.graph.ActivationSite;
import org.noisyquant.graph.ActivationSite.Role;
import org.noisyquant.graph.LinearLayer;
import org.noisyquant.quant.WeightRounding;

class PrefixWeightTrialTest {
  private static CalibrationSettings settings(boolean guided, double weight, int... prefixTokens) {
    List<SitePlan> plans =
        Arrays.stream(prefixTokens)
            .mapToObj(
                prefix ->
                    new SitePlan(
                        new ActivationSite(
                            0,
                            "site",
                            "tensor",
                            8,
                            List.of(new LinearLayer("layer", 0, 8, 8, true)),
                            Role.BLOCK,
                            prefix),
                        8,
                        8))
            .toList();
    return new CalibrationSettings(
        null,
        null,
        plans,
        TestSearch.of(guided, weight, 0, 0.1),
        new WeightRules(WeightRounding.MSE, false, true, 0.01, 0.25, 1),
        1,
        0.125,
        0,
        1);
  }

  @Test
  void aGivenWeightIsTaken() {
    assertThat(PrefixWeightTrial.without(settings(true, 7, 1), 64)).hasValue(7.0);
    assertThat(PrefixWeightTrial.without(settings(true, 7, 0), 64)).hasValue(7.0);
  }

  @Test
  void withoutPrefixTokensThereIsNothingToMeasure() {
    assertThat(PrefixWeightTrial.without(settings(true, SearchSettings.MEASURED, 0, 0), 64))
        .hasValue(1.0);
  }

  @Test
  void onePrefixTokenSomewhereIsMeasured() {
    CalibrationSettings settings = settings(true, SearchSettings.MEASURED, 0, 1);
    assertThat(PrefixWeightTrial.without(settings, 16)).isEmpty();
  }

  @Test
  void onFewImagesOrWithoutAGuidedSearchItCannotBeMeasured() {
    CalibrationSettings guided = settings(true, SearchSettings.MEASURED, 1);
    assertThat(PrefixWeightTrial.without(guided, 15)).hasValue(20.0);
    assertThat(PrefixWeightTrial.without(guided, 0)).hasValue(20.0);
    CalibrationSettings grid = settings(false, SearchSettings.MEASURED, 1);
    assertThat(PrefixWeightTrial.without(grid, 64)).hasValue(20.0);
  }
}
