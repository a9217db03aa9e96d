package org.noisyquant.spark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Set;
import java.util.SortedMap;
import java.util.stream.Stream;
import org.apache.hadoop.conf.Configuration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.noisyquant.error.ErrorCode;
import org.noisyquant.error.NoisyQuantException;
import org.noisyquant.graph.ActivationSite;
import org.noisyquant.graph.ActivationSite.Role;
import org.noisyquant.graph.LinearLayer;
import org.noisyquant.quant.WeightRounding;
import org.noisyquant.search.NoiseKind;
import org.noisyquant.search.Objective;

class JobConfigTest {
  @TempDir Path folder;

  @Test
  void theKeysOfReferenceConfAreThoseOfTheCode() {
    assertThat(JobConfig.of(Map.of()).values().keySet())
        .containsExactlyElementsOf(
            Arrays.stream(JobKey.values()).map(JobKey::path).sorted().toList());
  }

  @Test
  void defaultsAreThoseOfReferenceConf() {
    JobConfig config = JobConfig.of(Map.of());
    assertThat(config.model()).isEqualTo(JobConfig.of(Map.of("model.prefixTokens", -1)).model());
    assertThat(config.model().prefixTokens()).isEmpty();
    assertThat(config.images()).isEqualTo(new JobConfig.Images("", 0, 0.05, 0.125));
    assertThat(config.evaluation())
        .isEqualTo(
            new JobConfig.Evaluation(
                Optional.empty(), Optional.empty(), Optional.empty(), 1000, List.of()));
    assertThat(config.quantization())
        .isEqualTo(
            new JobConfig.Quantization(
                8,
                8,
                JobConfig.Quantization.Scope.LINEARS,
                List.of(),
                List.of(),
                false,
                8,
                JobConfig.Quantization.ReduceRange.FALSE));
    assertThat(config.search())
        .isEqualTo(
            new JobConfig.Search(
                JobConfig.Search.Mode.GUIDED,
                Objective.OUTPUT,
                64,
                0.1,
                true,
                OptionalDouble.of(20),
                100,
                40,
                50));
    assertThat(config.statistics())
        .isEqualTo(new JobConfig.Statistics(Optional.empty(), Optional.empty(), List.of(), 2048));
    assertThat(config.noise()).isEqualTo(new JobConfig.Noise(NoiseKind.OPTIMIZED, true));
    assertThat(config.weights())
        .isEqualTo(new JobConfig.Weights(WeightRounding.MSE, false, true, 0.01, 0.25, 512));
    assertThat(config.output()).isEqualTo(new JobConfig.Output("", false));
    assertThat(config.job()).isEqualTo(new JobConfig.Job(0, 0, 20));
  }

  @Test
  void aPresetSetsWhatNothingElseSets() {
    JobConfig paper = JobConfig.of(Map.of("preset", "paper", "weights.rounding", "mse"));
    JobConfig best = JobConfig.of(Map.of("preset", "best"));

    assertThat(paper.search().mode()).isEqualTo(JobConfig.Search.Mode.GRID);
    assertThat(paper.search().channelRescale()).isFalse();
    assertThat(paper.noise().kind()).isEqualTo(NoiseKind.UNIFORM);
    assertThat(paper.weights().rounding()).isEqualTo(WeightRounding.MSE);
    assertThat(paper.weights().biasCorrection()).isFalse();
    assertThat(best.weights().rounding()).isEqualTo(WeightRounding.GPTQ);
    assertThat(best.weights().compensation()).isTrue();
    assertThat(best.weights().damping()).isGreaterThan(paper.weights().damping());
    assertThat(paper.search().prefixWeight()).hasValue(1);
    assertThat(best.search().prefixWeight()).isEmpty();
  }

  @Test
  void thePresetThatIsTheDefaultIsWhatTheReferenceSays() {
    SortedMap<String, Object> named = JobConfig.of(Map.of("preset", "balanced")).values();

    assertThat(named).isEqualTo(JobConfig.of(Map.of()).values());
    assertThat(named).isNotEqualTo(JobConfig.of(Map.of("preset", "best")).values());
  }

  @Test
  void aFlagWinsOverTheFileAndTheFileOverTheDefaults() throws IOException {
    Optional<String> file = file("noisyquant.quantization { weightBits = 5, activationBits = 5 }");
    JobConfig config = load(Map.of(JobKey.ACTIVATION_BITS, "4"), file);
    assertThat(config.quantization().activationBits()).isEqualTo(4);
    assertThat(config.quantization().weightBits()).isEqualTo(5);
    assertThat(config.quantization().edgeBits()).isEqualTo(8);
  }

  @ParameterizedTest
  @CsvSource({
    "noisyquant.quantization.weigthBits = 6, quantization.weightBits",
    "noisyquant.quantisation.head = true, quantization",
    "noisyquant.search.tokens = 1, search.mode",
    "noisyquant.\"model.path\" = x, model.path",
  })
  void anUnknownKeyIsRefusedWithTheNearest(String line, String nearest) throws IOException {
    Optional<String> file = file(line);
    assertThatThrownBy(() -> load(Map.of(), file))
        .isInstanceOfSatisfying(
            NoisyQuantException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.UNKNOWN_KEY))
        .hasMessageContaining("job.conf: 1")
        .hasMessageEndingWith("the nearest is noisyquant." + nearest);
  }

  @Test
  void aKeyOutsideTheRootIsRefused() throws IOException {
    Optional<String> file = file("model.path = x");
    assertThatThrownBy(() -> load(Map.of(), file))
        .isInstanceOfSatisfying(
            NoisyQuantException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.UNKNOWN_KEY))
        .hasMessageContaining("no key model")
        .hasMessageContaining("noisyquant");
  }

  @ParameterizedTest
  @CsvSource({
    "model.prefixTokens, -2, from -1 to",
    "images.count, -1, from 0 to",
    "images.maxBadFraction, 1.1, from 0 to 1",
    "images.maxBadFraction, -0.1, from 0 to 1",
    "images.heldOutFraction, 1, from 0 to below 1",
    "evaluation.bootstrapReplicates, 0, from 1 to 100000",
    "statistics.memoryMiB, 0, from 1 to 1000000",
    "quantization.weightBits, 1, from 2 to 8",
    "quantization.weightBits, 9, from 2 to 8",
    "quantization.activationBits, 1, from 2 to 8",
    "quantization.activationBits, 9, from 2 to 8",
    "quantization.activationBits, 6.5, from 2 to 8",
    "quantization.activationBits, six, from 2 to 8",
    "quantization.edgeBits, 99999999999999999999, from 2 to 8",
    "quantization.scope, full, linears",
    "quantization.head, yes, false or true",
    "quantization.include, blocks.0.*, a list of texts",
    "quantization.reduceRange, maybe, auto or false or true",
    "preset, fastest, balanced or best or paper",
    "search.mode, fast, exhaustive or grid or guided",
    "search.prefixWeight, 0, above 0",
    "search.prefixWeight, often, auto",
    "search.imageCount, -1, from 0 to",
    "gates.maxKl, -0.1, a number from 0 on",
    "gates.minTop1, 79, a number from 0 to 1",
    "gates.maxTop1Drop, low, a number from 0 to 1",
    "noise.kind, gaussian, none or optimized or uniform",
    "weights.rounding, floor, gptq or minmax or mse",
    "weights.damping, -1, from 0 to 1",
    "search.objective, logits, input or output",
    "search.tokenFraction, 0, above 0 to 1",
    "search.tokenFraction, 1.5, above 0 to 1",
    "search.tokenFraction, NaN, above 0 to 1",
    "search.clipCandidates, 1001, from 1 to 1000",
    "search.shiftCandidates, 401, from 1 to 400",
    "search.rangeCandidates, 0, from 1 to 2000",
    "job.seed, 9223372036854775808, a 64-bit whole number",
    "job.partitions, -1, from 0 to",
    "job.checkpointSeconds, -1, from 0 to",
  })
  void aValueOutsideItsDomainIsRefusedWithKeyValueAndRange(
      String key, String value, String allowed) {
    assertThatThrownBy(() -> JobConfig.of(Map.of(key, value)))
        .isInstanceOfSatisfying(
            NoisyQuantException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.INVALID_VALUE))
        .hasMessageContaining(key)
        .hasMessageContaining(value)
        .hasMessageContaining(allowed);
  }

  @Test
  void theEndsOfARangeAreAllowed() {
    JobConfig config =
        JobConfig.of(
            Map.of(
                "quantization.weightBits", 2,
                "quantization.activationBits", 8,
                "images.heldOutFraction", 0,
                "search.tokenFraction", 1,
                "job.seed", Long.MIN_VALUE));
    assertThat(config.quantization().weightBits()).isEqualTo(2);
    assertThat(config.images().heldOutFraction()).isZero();
    assertThat(config.search().tokenFraction()).isEqualTo(1);
    assertThat(config.job().seed()).isEqualTo(Long.MIN_VALUE);
  }

  @Test
  void anInvalidFlagIsNamedByKeyAndFlag() {
    assertThatThrownBy(() -> load(Map.of(JobKey.WEIGHT_BITS, "9"), Optional.empty()))
        .hasMessageContaining("quantization.weightBits (--weight-bits) is \"9\" (command line)");
  }

  @Test
  void aValueForASectionIsRefused() throws IOException {
    Optional<String> file = file("noisyquant.search = exhaustive");
    assertThatThrownBy(() -> load(Map.of(), file))
        .hasMessageContaining("noisyquant.search")
        .hasMessageContaining("is a section of keys");
  }

  @Test
  void nullIsNoValue() throws IOException {
    Optional<String> file = file("noisyquant.job.seed = null");
    assertThatThrownBy(() -> load(Map.of(), file))
        .hasMessageContaining("job.seed (--seed) is null")
        .hasMessageContaining("job.conf: 1");
  }

  @Test
  void aMissingRequiredValueIsNamedByKeyAndFlag() {
    Set<JobKey> required = EnumSet.of(JobKey.MODEL_PATH);
    assertThatThrownBy(
            () -> JobConfig.load(Map.of(), Optional.empty(), new Configuration(false), required))
        .isInstanceOfSatisfying(
            NoisyQuantException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.MISSING_VALUE))
        .hasMessageContaining("model.path")
        .hasMessageContaining("--model FILE");
  }

  @Test
  void aMissingOrMalformedFileIsNamed() throws IOException {
    assertThatThrownBy(() -> load(Map.of(), Optional.of(folder + "/absent.conf")))
        .isInstanceOfSatisfying(
            NoisyQuantException.class,
            e -> assertThat(e.code()).isEqualTo(ErrorCode.CONFIG_UNREADABLE))
        .hasMessageContaining("absent.conf");
    Optional<String> malformed = file("noisyquant { job { seed = 1 }");
    assertThatThrownBy(() -> load(Map.of(), malformed))
        .isInstanceOfSatisfying(
            NoisyQuantException.class,
            e -> assertThat(e.code()).isEqualTo(ErrorCode.CONFIG_UNREADABLE))
        .hasMessageContaining("job.conf");
  }

  @Test
  void aSubstitutionWithoutValueIsRefused() throws IOException {
    Optional<String> file = file("noisyquant.model.path = ${NOISYQUANT_NO_SUCH_VARIABLE}/m.onnx");
    assertThatThrownBy(() -> load(Map.of(), file))
        .isInstanceOfSatisfying(
            NoisyQuantException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.INVALID_VALUE))
        .hasMessageContaining("NOISYQUANT_NO_SUCH_VARIABLE");
  }

  @Test
  void exhaustiveMeansThePapersGridWhateverTheCountsSay() {
    JobConfig config =
        JobConfig.of(Map.of("search.mode", "exhaustive", "search.clipCandidates", 7));
    assertThat(config.search().clipCandidates()).isEqualTo(1000);
    assertThat(config.search().shiftCandidates()).isEqualTo(400);
    assertThat(config.search().rangeCandidates()).isEqualTo(2000);
    assertThat(config.values()).containsEntry("search.clipCandidates", 1000);
  }

  @Test
  void equalConfigurationsHaveEqualValuesHoweverWritten() throws IOException {
    JobConfig fromFlags =
        load(Map.of(JobKey.SEARCH_TOKEN_FRACTION, "0.50", JobKey.SEED, "3"), Optional.empty());
    JobConfig fromFile =
        load(Map.of(), file("noisyquant { search.tokenFraction = 5e-1, job.seed = 3 }"));
    assertThat(fromFlags).isEqualTo(fromFile).hasSameHashCodeAs(fromFile);
  }

  @ParameterizedTest
  @CsvSource({
    "blocks.0.attn.qkv, true",
    "blocks.10.attn.qkv, true",
    "blocks.1.attn.proj, false",
    "xblocks.0.attn.qkv, false",
    "blocks.1.attn.qkv, false",
    "blocks10.attn.qkv, false",
  })
  void patternsMatchWholeNamesAndExcludeWins(String site, boolean selected) {
    JobConfig config =
        JobConfig.of(
            Map.of(
                "quantization.include", List.of("blocks.*.qkv"),
                "quantization.exclude", List.of("blocks.1.*")));
    assertThat(config.quantization().selection().selects(site(site, Role.BLOCK)))
        .isEqualTo(selected);
  }

  @Test
  void theHeadIsSelectedByItsOwnKey() {
    ActivationSite head = site("head", Role.HEAD);
    assertThat(JobConfig.of(Map.of()).quantization().selection().selects(head)).isFalse();
    assertThat(
            JobConfig.of(Map.of("quantization.head", true))
                .quantization()
                .selection()
                .selects(head))
        .isTrue();
  }

  private static ActivationSite site(String name, Role role) {
    List<LinearLayer> layers = List.of(new LinearLayer(name, 0, 4, 10, true));
    return new ActivationSite(0, name, "tensor", 4, layers, role, 0);
  }

  /** Every example under conf/ is a valid configuration for calibrate. */
  @Test
  void theExampleConfigurationsAreValid() throws IOException {
    List<Path> examples;
    try (Stream<Path> files = Files.list(Path.of("..", "conf"))) {
      examples =
          files
              .filter(f -> f.toString().endsWith(".conf") && !f.endsWith("spark-defaults.conf"))
              .toList();
    }
    assertThat(examples).isNotEmpty();
    Set<JobKey> required = EnumSet.of(JobKey.MODEL_PATH, JobKey.IMAGES_PATH, JobKey.OUTPUT_PATH);
    for (Path example : examples) {
      JobConfig config =
          JobConfig.load(
              Map.of(), Optional.of(example.toString()), new Configuration(false), required);
      assertThat(config.model().path()).isNotEmpty();
    }
  }

  private JobConfig load(Map<JobKey, ?> flags, Optional<String> file) {
    return JobConfig.load(flags, file, new Configuration(false), Set.of());
  }

  private Optional<String> file(String content) throws IOException {
    return Optional.of(Files.writeString(folder.resolve("job.conf"), content).toString());
  }
}
