package org.noisyquant.spark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.spark.ml.param.Param;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.noisyquant.spark.ml.NoisyQuant;

/** That the command line and the Estimator mean the same by a key, a default and a preset. */
class EstimatorsTest {
  /** All parameters with their values, as text where they are arrays. */
  private static Map<String, Object> params(NoisyQuant estimator) {
    Map<String, Object> values = new TreeMap<>();
    for (Param<?> param : estimator.params()) {
      Object value = estimator.getOrDefault(param);
      values.put(param.name(), value instanceof Object[] texts ? Arrays.asList(texts) : value);
    }
    return values;
  }

  private static Map<String, Object> params(Map<String, ?> keys) {
    return params(Estimators.of(JobConfig.of(keys), false));
  }

  @Test
  void defaultsAreTheSame() {
    assertThat(params(Map.of())).isEqualTo(params(new NoisyQuant().setModelPath("")));
  }

  @ParameterizedTest
  @ValueSource(strings = {"paper", "balanced", "best"})
  void aPresetMeansTheSame(String preset) {
    assertThat(params(Map.of("preset", preset)))
        .isEqualTo(params(new NoisyQuant().setModelPath("").setPreset(preset)));
  }

  @Test
  void presetsDiffer() {
    List<Map<String, Object>> all = new ArrayList<>();
    for (String preset : List.of("paper", "balanced", "best")) {
      all.add(params(new NoisyQuant().setModelPath("").setPreset(preset)));
    }
    assertThat(all).doesNotHaveDuplicates();
  }

  @Test
  void aPresetUndoesAnotherOne() {
    NoisyQuant estimator = new NoisyQuant().setModelPath("").setPreset("best").setPreset("paper");
    assertThat(params(estimator)).isEqualTo(params(Map.of("preset", "paper")));
  }

  @Test
  void whatIsSetAfterAPresetWins() {
    NoisyQuant estimator =
        new NoisyQuant().setModelPath("").setPreset("best").setWeightRounding("mse");
    assertThat(params(estimator))
        .isEqualTo(params(Map.of("preset", "best", "weights.rounding", "mse")))
        .containsEntry("weightRounding", "mse")
        .containsEntry("weightCompensation", true);
  }

  @Test
  void anUnknownPresetIsRefused() {
    NoisyQuant estimator = new NoisyQuant();
    assertThatThrownBy(() -> estimator.setPreset("Best"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("Best")
        .hasMessageContaining("paper, balanced or best");
  }

  /** Every key that calibration depends on, with another value than its default. */
  @ParameterizedTest
  @CsvSource({
    "model.path, m.onnx, modelPath, m.onnx",
    "model.preprocessing, p.json, preprocessingPath, p.json",
    "model.prefixTokens, 2, prefixTokens, 2",
    "quantization.weightBits, 4, weightBits, 4",
    "quantization.activationBits, 5, activationBits, 5",
    "quantization.edgeBits, 6, edgeBits, 6",
    "quantization.head, true, head, true",
    "search.mode, grid, searchMode, grid",
    "search.objective, input, objective, input",
    "search.tokenFraction, 0.5, tokenFraction, 0.5",
    "search.channelRescale, false, channelRescale, false",
    "search.prefixWeight, 7, prefixWeight, 7.0",
    "search.prefixWeight, auto, prefixWeight, 0.0",
    "search.imageCount, 9, searchImageCount, 9",
    "search.clipCandidates, 11, clipCandidates, 11",
    "search.shiftCandidates, 12, shiftCandidates, 12",
    "search.rangeCandidates, 13, rangeCandidates, 13",
    "noise.kind, none, noiseKind, none",
    "noise.kind, uniform, noiseKind, uniform",
    "noise.fold, false, noiseFold, false",
    "weights.rounding, minmax, weightRounding, minmax",
    "weights.rounding, gptq, weightRounding, gptq",
    "weights.compensation, true, weightCompensation, true",
    "weights.biasCorrection, false, biasCorrection, false",
    "weights.damping, 0.5, damping, 0.5",
    "weights.tokenFraction, 0.75, momentsTokenFraction, 0.75",
    "weights.memoryMiB, 3000, momentsMemory, 3145728000",
    "statistics.memoryMiB, 3000, statisticsMemory, 3145728000",
    "images.heldOutFraction, 0.25, heldOutFraction, 0.25",
    "images.maxBadFraction, 0.5, maxBadFraction, 0.5",
    "job.seed, 9, seed, 9",
  })
  void aKeyChangesItsParameterAndNoOther(String key, String text, String param, String value) {
    Map<String, Object> before = params(Map.of());
    Map<String, Object> after = params(Map.of(key, text));
    assertThat(after.get(param)).hasToString(value).isNotEqualTo(before.get(param));
    Map<String, Object> rest = new HashMap<>(after);
    rest.put(param, before.get(param));
    assertThat(rest).isEqualTo(before);
  }

  @Test
  void anExhaustiveSearchIsTheGridSearchOnThePapersGrid() {
    assertThat(params(Map.of("search.mode", "exhaustive")))
        .containsEntry("searchMode", "grid")
        .containsEntry("clipCandidates", 1000)
        .containsEntry("shiftCandidates", 400)
        .containsEntry("rangeCandidates", 2000);
  }

  @Test
  void patternsReachTheEstimator() {
    assertThat(
            params(
                Map.of(
                    "quantization.include",
                    List.of("a.*", "b"),
                    "quantization.exclude",
                    List.of("c"))))
        .containsEntry("include", List.of("a.*", "b"))
        .containsEntry("exclude", List.of("c"));
  }
}
