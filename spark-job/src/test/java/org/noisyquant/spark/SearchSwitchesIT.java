package org.noisyquant.spark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.noisyquant.spark.SearchSwitchesIT.Result.ADDS;
import static org.noisyquant.spark.SearchSwitchesIT.Result.BASELINE;
import static org.noisyquant.spark.SearchSwitchesIT.Result.BASELINE_MODEL;
import static org.noisyquant.spark.SearchSwitchesIT.Result.BIASES;
import static org.noisyquant.spark.SearchSwitchesIT.Result.CHOSEN;
import static org.noisyquant.spark.SearchSwitchesIT.Result.CODES;
import static org.noisyquant.spark.SearchSwitchesIT.Result.MIN_MAX;
import static org.noisyquant.spark.SearchSwitchesIT.Result.NORMS;
import static org.noisyquant.spark.SearchSwitchesIT.Result.RESCALE;
import static org.noisyquant.spark.SearchSwitchesIT.Result.SCALES;

import ai.onnx.proto.OnnxMl.GraphProto;
import ai.onnx.proto.OnnxMl.ModelProto;
import com.google.protobuf.InvalidProtocolBufferException;
import com.typesafe.config.ConfigFactory;
import com.typesafe.config.ConfigValue;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.noisyquant.result.SiteResult;
import org.noisyquant.spark.ml.NoisyQuantModel;
import org.noisyquant.spark.stage.ImageSource;
import org.noisyquant.spark.testing.LocalSpark;

/**
 * What each switch of search, noise and weights changes, and that it changes nothing else: the four
 * sites of one block, with noise behind LayerNorm, attention and GELU.
 */
class SearchSwitchesIT {
  private static final String VIT = "fashion_vit.onnx";

  private static final String PLAIN =
      """
      quantization { weightBits = 4, activationBits = 4, "include" = ["blocks.1.*"] }
      search { clipCandidates = 20, shiftCandidates = 4, rangeCandidates = 6 }
      search.tokenFraction = 0.5
      images.heldOutFraction = 0
      """;

  private static final String PAPER = "preset = paper";
  private static final String BALANCED = "preset = balanced, search.prefixWeight = 1";
  private static final String NO_RESCALE = BALANCED + ", search.channelRescale = false";
  private static final String BEST = "preset = best";

  /** What a calibration comes to. */
  enum Result {
    ABS_MAX,
    MIN_MAX,
    BASELINE,
    CHOSEN,
    RESCALE,
    ADDS,
    /** Integer weights of model.onnx. */
    CODES,
    SCALES,
    BIASES,
    /** Shifts and scales of norms that noise or rescale was folded into. */
    NORMS,
    BASELINE_MODEL;

    private Object of(NoisyQuantModel model) {
      return switch (this) {
        case ABS_MAX -> sites(model, SiteResult::absMax);
        case MIN_MAX -> sites(model, SiteResult::minMax);
        case BASELINE -> sites(model, SiteResult::baseline);
        case CHOSEN -> sites(model, site -> List.of(site.chosen(), Arrays.toString(site.noise())));
        case RESCALE -> sites(model, site -> Arrays.toString(site.rescale()));
        case ADDS -> model.summary().orElseThrow().explicitAdds();
        case CODES -> constants(model, ".weight_codes");
        case SCALES -> constants(model, ".weight_scales");
        case BIASES -> constants(model, ".bias");
        case NORMS -> List.of(constants(model, ".shift"), constants(model, ".scale"));
        case BASELINE_MODEL -> graph(model.content().baseline().bytes()).toByteString();
      };
    }
  }

  /** A key, where it is switched, and what changes. */
  record Switch(String before, String key, Set<Result> changes) {
    @Override
    public String toString() {
      return before + ": " + key;
    }
  }

  @TempDir static Path folder;

  private static final Map<String, Map<Result, Object>> RUNS = new HashMap<>();
  private static Path images;

  @BeforeAll
  static void copyImages() {
    images = new TestJob(folder).images("images", 6);
  }

  static Stream<Switch> switches() {
    Set<Result> noise = EnumSet.of(CHOSEN, BIASES, NORMS);
    Set<Result> noNoise = EnumSet.of(CHOSEN, BIASES, NORMS, ADDS);
    Set<Result> unfolded = EnumSet.of(BIASES, NORMS, ADDS);
    Set<Result> weights = EnumSet.of(CODES, SCALES, BIASES, BASELINE_MODEL);
    Set<Result> losses = EnumSet.of(MIN_MAX, BASELINE, CHOSEN, BIASES, NORMS, BASELINE_MODEL);
    Set<Result> lossesAndWeights = EnumSet.copyOf(losses);
    // Of so few steps another loss finds the same at the norms.
    Set<Result> otherLosses = EnumSet.copyOf(losses);
    otherLosses.remove(NORMS);
    lossesAndWeights.addAll(weights);
    // On so coarse a grid another loss finds the same noise at the norms.
    Set<Result> paperLosses = EnumSet.copyOf(lossesAndWeights);
    paperLosses.remove(NORMS);
    Set<Result> rescale = EnumSet.complementOf(EnumSet.of(MIN_MAX, ADDS));
    Set<Result> rescaleAndAdds = EnumSet.complementOf(EnumSet.of(MIN_MAX));
    Set<Result> nothing = EnumSet.noneOf(Result.class);
    return Stream.of(
        new Switch(NO_RESCALE, "noise.kind = none", noNoise),
        new Switch(NO_RESCALE, "noise.kind = uniform", noise),
        new Switch(NO_RESCALE, "noise.fold = false", unfolded),
        new Switch(NO_RESCALE, "search.prefixWeight = 20", lossesAndWeights),
        new Switch(NO_RESCALE, "search.imageCount = 2", otherLosses),
        new Switch(NO_RESCALE, "search.objective = input", otherLosses),
        new Switch(NO_RESCALE, "weights.biasCorrection = false", lossesAndWeights),
        new Switch(BALANCED, "search.channelRescale = false", rescale),
        new Switch(BALANCED, "noise.fold = false", rescaleAndAdds),
        new Switch(BALANCED, "weights.rounding = minmax", weights),
        // GPTQ leaves less of the weights' error, so that channels are rescaled further.
        new Switch(BALANCED, "weights.rounding = gptq", rescale),
        new Switch(BALANCED, "weights.compensation = true", weights),
        new Switch(BALANCED, "weights.damping = 0.2", nothing),
        new Switch(BEST, "weights.compensation = false", weights),
        new Switch(BEST, "weights.damping = 0.01", weights),
        new Switch(BEST, "weights.tokenFraction = 0.5", weights),
        new Switch(BEST, "weights.memoryMiB = 1", nothing),
        new Switch(BALANCED, "statistics.memoryMiB = 5", nothing),
        new Switch(PAPER, "noise.fold = false", unfolded),
        new Switch(PAPER, "weights.biasCorrection = true", EnumSet.of(BIASES, BASELINE_MODEL)),
        new Switch(PAPER, "weights.rounding = mse", paperLosses),
        new Switch(PAPER, "search.channelRescale = true, noise.kind = optimized", nothing));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("switches")
  void aSwitchChangesWhatItSaysAndNothingElse(Switch row) {
    Map<Result, Object> before = results(row.before);
    Map<Result, Object> after = results(row.before + ", " + row.key);
    Set<Result> changed = EnumSet.noneOf(Result.class);
    for (Result result : Result.values()) {
      if (!after.get(result).equals(before.get(result))) {
        changed.add(result);
      }
    }
    assertThat(changed).isEqualTo(row.changes);
  }

  @Test
  void withoutFoldingEveryNoisySiteHasAnAdd() {
    assertThat(results(BALANCED).get(ADDS)).isEqualTo(1);
    assertThat(results(BALANCED + ", noise.fold = false").get(ADDS)).isEqualTo(4);
    assertThat(results(PAPER + ", noise.fold = false").get(ADDS)).isEqualTo(4);
    assertThat(results(NO_RESCALE + ", noise.kind = none").get(ADDS)).isEqualTo(0);
  }

  @Test
  void withoutFoldingThereIsNoRescale() {
    Map<Result, Object> unfolded = new EnumMap<>(results(BALANCED + ", noise.fold = false"));
    Map<Result, Object> expected = new EnumMap<>(results(NO_RESCALE + ", noise.fold = false"));
    assertThat(unfolded).isEqualTo(expected);
    assertThat(unfolded.get(RESCALE)).isEqualTo(List.of("[]", "[]", "[]", "[]"));
    assertThat((List<?>) results(BALANCED).get(RESCALE)).filteredOn("[]"::equals).hasSize(1);
  }

  /** Without a held-out part nothing is dropped. */
  @Test
  void optimizedNoiseIsNoWorseThanUniformNoiseAndThatThanNone() {
    List<Double> none = losses(NO_RESCALE + ", noise.kind = none");
    List<Double> uniform = losses(NO_RESCALE + ", noise.kind = uniform");
    List<Double> optimized = losses(NO_RESCALE);
    assertThat(none).hasSize(4);
    for (int i = 0; i < none.size(); i++) {
      assertThat(uniform.get(i)).isLessThanOrEqualTo(none.get(i));
      assertThat(optimized.get(i)).isLessThan(uniform.get(i));
    }
  }

  @Test
  void aPrefixWeightThatCannotBeMeasuredIsTwenty() {
    assertThat(results(NO_RESCALE + ", search.prefixWeight = auto"))
        .isEqualTo(results(NO_RESCALE + ", search.prefixWeight = 20"));
  }

  private static List<Double> losses(String keys) {
    return ((List<?>) results(keys).get(CHOSEN))
        .stream().map(chosen -> ((SiteResult.Choice) ((List<?>) chosen).get(0)).loss()).toList();
  }

  /** The results with these keys, made once. */
  private static Map<Result, Object> results(String keys) {
    return RUNS.computeIfAbsent(
        keys,
        k -> {
          JobConfig config = JobConfig.of(keys(k));
          NoisyQuantModel model =
              Estimators.of(config, false)
                  .fit(ImageSource.list(LocalSpark.session(), config.images().path()).read(2));
          try {
            Map<Result, Object> results = new EnumMap<>(Result.class);
            for (Result result : Result.values()) {
              results.put(result, result.of(model));
            }
            return results;
          } finally {
            model.summary().orElseThrow().release().run();
          }
        });
  }

  private static Map<String, Object> keys(String more) {
    Map<String, Object> keys = new HashMap<>();
    for (Map.Entry<String, ConfigValue> entry :
        ConfigFactory.parseString(PLAIN + more).entrySet()) {
      keys.put(entry.getKey().replace("\"", ""), entry.getValue().unwrapped());
    }
    List<String> fashion = TestJob.fashion(VIT);
    keys.put("model.path", fashion.get(1));
    keys.put("model.preprocessing", fashion.get(3));
    keys.put("images.path", images.toString());
    return keys;
  }

  private static List<Object> sites(NoisyQuantModel model, Function<SiteResult, Object> value) {
    return model.content().result().sites().stream().map(value).toList();
  }

  /** The exporter's constants of such a name in model.onnx, in their order. */
  private static List<Object> constants(NoisyQuantModel model, String suffix) {
    return graph(model.content().quantized().bytes()).getInitializerList().stream()
        .filter(t -> t.getName().startsWith("noisyquant.") && t.getName().endsWith(suffix))
        .<Object>map(t -> t.toByteString())
        .toList();
  }

  private static GraphProto graph(byte[] model) {
    try {
      return ModelProto.parseFrom(model).getGraph();
    } catch (InvalidProtocolBufferException e) {
      throw new IllegalStateException(e);
    }
  }
}
