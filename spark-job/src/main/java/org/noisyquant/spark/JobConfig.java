package org.noisyquant.spark;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigFactory;
import com.typesafe.config.ConfigValueFactory;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.Set;
import java.util.SortedMap;
import org.apache.hadoop.conf.Configuration;
import org.noisyquant.error.ErrorCode;
import org.noisyquant.error.NoisyQuantException;
import org.noisyquant.graph.SiteSelection;
import org.noisyquant.quant.WeightRounding;
import org.noisyquant.search.CandidateGrid;
import org.noisyquant.search.NoiseKind;
import org.noisyquant.search.Objective;

/**
 * What a job is to do: the keys of {@code reference.conf}, where each is explained, checked and
 * typed. Paths are as the user gave them; one that the command does not require may be empty.
 *
 * @param values every key, without the root, with its effective value: a String, Integer, Long,
 *     Double, Boolean or list of String. Equal configurations have equal maps, however written
 */
public record JobConfig(
    Model model,
    Images images,
    Statistics statistics,
    Evaluation evaluation,
    Quantization quantization,
    Search search,
    Noise noise,
    Weights weights,
    Gates gates,
    Output output,
    Job job,
    SortedMap<String, Object> values) {

  /** {@code model}. Without {@code prefixTokens} they are traced. */
  public record Model(String path, Optional<String> preprocessing, OptionalInt prefixTokens) {}

  /** {@code images}. A count of 0 means all. */
  public record Images(String path, int count, double maxBadFraction, double heldOutFraction) {}

  /** {@code statistics}; those to merge are for {@code merge} only. */
  public record Statistics(
      Optional<String> path, Optional<String> reference, List<String> merge, int memoryMiB) {}

  /** {@code evaluation}. */
  public record Evaluation(
      Optional<String> path,
      Optional<String> labels,
      Optional<String> classes,
      int bootstrapReplicates,
      List<String> models) {}

  /** {@code quantization}. */
  public record Quantization(
      int weightBits,
      int activationBits,
      Scope scope,
      List<String> include,
      List<String> exclude,
      boolean head,
      int edgeBits,
      ReduceRange reduceRange) {

    /** What is quantized. */
    public enum Scope {
      /** Every weight layer of the blocks. */
      LINEARS
    }

    /** Whether 8-bit weights use 7 bits. */
    public enum ReduceRange {
      /** Where this machine's processor needs it. */
      AUTO,
      /** Always. */
      TRUE,
      /** Never. */
      FALSE
    }

    /** Which sites are quantized. */
    public SiteSelection selection() {
      return new SiteSelection(include, exclude, head);
    }
  }

  /**
   * {@code search}; the candidate counts are those that are tried, in either grid. Without {@code
   * prefixWeight} it is measured.
   */
  public record Search(
      Mode mode,
      Objective objective,
      int imageCount,
      double tokenFraction,
      boolean channelRescale,
      OptionalDouble prefixWeight,
      int clipCandidates,
      int shiftCandidates,
      int rangeCandidates) {

    /** Which candidates are tried. */
    public enum Mode {
      /** A short list that the statistics leave. */
      GUIDED,
      /** As many as the keys say. */
      GRID,
      /** The paper's 1000, 400 and 2000. */
      EXHAUSTIVE
    }
  }

  /** {@code noise}. */
  public record Noise(NoiseKind kind, boolean fold) {}

  /** {@code weights}. */
  public record Weights(
      WeightRounding rounding,
      boolean compensation,
      boolean biasCorrection,
      double damping,
      double tokenFraction,
      int memoryMiB) {}

  /**
   * {@code gates}; what is absent is not checked. Nats, shares of the labelled images, and by how
   * much a range may differ.
   */
  public record Gates(
      OptionalDouble maxKl,
      OptionalDouble minTop1,
      OptionalDouble maxTop1Drop,
      OptionalDouble maxRangeDrift) {

    /** Whether something is to be evaluated for them. */
    boolean needEvaluation() {
      return maxKl.isPresent() || minTop1.isPresent() || maxTop1Drop.isPresent();
    }
  }

  /** {@code output}. */
  public record Output(String path, boolean overwrite) {}

  /**
   * {@code job}. 0 partitions mean Spark's default parallelism.
   *
   * @param checkpointSeconds how long a stage must take to be kept for a run that goes on from it
   */
  public record Job(long seed, int partitions, int checkpointSeconds) {}

  private static final int PAPER_CLIPS = CandidateGrid.AUTHORS.clips();
  private static final int PAPER_SHIFTS = CandidateGrid.AUTHORS.shifts();
  private static final int PAPER_RANGES = CandidateGrid.AUTHORS.ranges();

  /**
   * The defaults with some keys changed.
   *
   * @param changes key without the root, such as {@code quantization.weightBits}, to a value, or to
   *     a list of texts
   * @throws NoisyQuantException UNKNOWN_KEY or INVALID_VALUE
   */
  public static JobConfig of(Map<String, ?> changes) {
    Config file = ConfigFactory.empty();
    for (Map.Entry<String, ?> change : changes.entrySet()) {
      file =
          file.withValue(
              "noisyquant." + change.getKey(),
              ConfigValueFactory.fromAnyRef(change.getValue(), "program"));
    }
    return parse(new EnumMap<>(JobKey.class), file);
  }

  /**
   * The configuration of one run.
   *
   * @param flags value of every flag that was given: a text, {@code true}, or a list of texts
   * @param file URI of a HOCON file
   * @param hadoop how to reach that file
   * @param required keys that must not be empty
   * @throws NoisyQuantException UNKNOWN_KEY, INVALID_VALUE, MISSING_VALUE or CONFIG_UNREADABLE
   */
  static JobConfig load(
      Map<JobKey, ?> flags, Optional<String> file, Configuration hadoop, Set<JobKey> required) {
    Config config = file.map(uri -> ConfigSources.file(uri, hadoop)).orElse(ConfigFactory.empty());
    JobConfig parsed = parse(flags, config);
    required.forEach(parsed::require);
    return parsed;
  }

  /**
   * Makes sure that a key has a value.
   *
   * @throws NoisyQuantException MISSING_VALUE
   */
  void require(JobKey key) {
    Object value = values.get(key.path());
    if ("".equals(value) || List.of().equals(value)) {
      throw new NoisyQuantException(
          ErrorCode.MISSING_VALUE,
          "nothing says "
              + key.path()
              + " ("
              + key.help()
              + "): give "
              + key.flag()
              + " "
              + key.label()
              + ", or noisyquant."
              + key.path()
              + " in the file of --config");
    }
  }

  private static JobConfig parse(Map<JobKey, ?> flags, Config file) {
    ConfigReader reader = new ConfigReader(ConfigSources.merge(flags, file));
    Model model =
        new Model(
            reader.text(JobKey.MODEL_PATH),
            optional(reader.text(JobKey.PREPROCESSING)),
            prefixTokens(reader.integer(JobKey.MODEL_PREFIX_TOKENS, -1, 1_000_000)));
    Images images =
        new Images(
            reader.text(JobKey.IMAGES_PATH),
            reader.integer(JobKey.IMAGES_COUNT, 0, Integer.MAX_VALUE),
            reader.fraction(JobKey.IMAGES_MAX_BAD_FRACTION, true, true),
            reader.fraction(JobKey.IMAGES_HELD_OUT_FRACTION, true, false));
    Statistics statistics =
        new Statistics(
            optional(reader.text(JobKey.STATISTICS_PATH)),
            optional(reader.text(JobKey.STATISTICS_REFERENCE)),
            reader.texts(JobKey.STATISTICS_MERGE),
            reader.integer(JobKey.STATISTICS_MEMORY, 1, 1_000_000));
    Evaluation evaluation =
        new Evaluation(
            optional(reader.text(JobKey.EVALUATION_PATH)),
            optional(reader.text(JobKey.EVALUATION_LABELS)),
            optional(reader.text(JobKey.EVALUATION_CLASSES)),
            reader.integer(JobKey.EVALUATION_BOOTSTRAP_REPLICATES, 1, 100_000),
            reader.texts(JobKey.EVALUATION_MODELS));
    Output output =
        new Output(reader.text(JobKey.OUTPUT_PATH), reader.bool(JobKey.OUTPUT_OVERWRITE));
    Job job =
        new Job(
            reader.number(JobKey.SEED),
            reader.integer(JobKey.PARTITIONS, 0, Integer.MAX_VALUE),
            reader.integer(JobKey.CHECKPOINT_SECONDS, 0, Integer.MAX_VALUE));
    Quantization quantization = quantization(reader);
    Search search = search(reader);
    reader.text(JobKey.PRESET);
    return new JobConfig(
        model,
        images,
        statistics,
        evaluation,
        quantization,
        search,
        noise(reader),
        weights(reader),
        new Gates(
            reader.optional(JobKey.GATE_MAX_KL, Double.MAX_VALUE),
            reader.optional(JobKey.GATE_MIN_TOP1, 1),
            reader.optional(JobKey.GATE_MAX_TOP1_DROP, 1),
            reader.optional(JobKey.GATE_MAX_RANGE_DRIFT, Double.MAX_VALUE)),
        output,
        job,
        reader.values());
  }

  private static Quantization quantization(ConfigReader reader) {
    return new Quantization(
        reader.integer(JobKey.WEIGHT_BITS, 2, 8),
        reader.integer(JobKey.ACTIVATION_BITS, 2, 8),
        reader.choice(JobKey.SCOPE, Map.of("linears", Quantization.Scope.LINEARS)),
        reader.texts(JobKey.INCLUDE),
        reader.texts(JobKey.EXCLUDE),
        reader.bool(JobKey.HEAD),
        reader.integer(JobKey.EDGE_BITS, 2, 8),
        reader.choice(
            JobKey.REDUCE_RANGE,
            Map.of(
                "auto", Quantization.ReduceRange.AUTO,
                "true", Quantization.ReduceRange.TRUE,
                "false", Quantization.ReduceRange.FALSE)));
  }

  private static Search search(ConfigReader reader) {
    Search.Mode mode =
        reader.choice(
            JobKey.SEARCH_MODE,
            Map.of(
                "guided", Search.Mode.GUIDED,
                "grid", Search.Mode.GRID,
                "exhaustive", Search.Mode.EXHAUSTIVE));
    Objective objective =
        reader.choice(
            JobKey.SEARCH_OBJECTIVE, Map.of("output", Objective.OUTPUT, "input", Objective.INPUT));
    double tokenFraction = reader.fraction(JobKey.SEARCH_TOKEN_FRACTION, false, true);
    int clips = reader.integer(JobKey.CLIP_CANDIDATES, 1, PAPER_CLIPS);
    int shifts = reader.integer(JobKey.SHIFT_CANDIDATES, 1, PAPER_SHIFTS);
    int ranges = reader.integer(JobKey.RANGE_CANDIDATES, 1, PAPER_RANGES);
    if (mode == Search.Mode.EXHAUSTIVE) {
      clips = reader.keep(JobKey.CLIP_CANDIDATES, PAPER_CLIPS);
      shifts = reader.keep(JobKey.SHIFT_CANDIDATES, PAPER_SHIFTS);
      ranges = reader.keep(JobKey.RANGE_CANDIDATES, PAPER_RANGES);
    }
    return new Search(
        mode,
        objective,
        reader.integer(JobKey.SEARCH_IMAGE_COUNT, 0, Integer.MAX_VALUE),
        tokenFraction,
        reader.bool(JobKey.CHANNEL_RESCALE),
        reader.positiveOrAuto(JobKey.PREFIX_WEIGHT),
        clips,
        shifts,
        ranges);
  }

  private static Noise noise(ConfigReader reader) {
    return new Noise(
        reader.choice(
            JobKey.NOISE_KIND,
            Map.of(
                "none", NoiseKind.NONE,
                "uniform", NoiseKind.UNIFORM,
                "optimized", NoiseKind.OPTIMIZED)),
        reader.bool(JobKey.NOISE_FOLD));
  }

  private static Weights weights(ConfigReader reader) {
    return new Weights(
        reader.choice(
            JobKey.ROUNDING,
            Map.of(
                "minmax", WeightRounding.MINMAX,
                "mse", WeightRounding.MSE,
                "gptq", WeightRounding.GPTQ)),
        reader.bool(JobKey.COMPENSATION),
        reader.bool(JobKey.BIAS_CORRECTION),
        reader.fraction(JobKey.DAMPING, true, true),
        reader.fraction(JobKey.MOMENTS_TOKEN_FRACTION, false, true),
        reader.integer(JobKey.MOMENTS_MEMORY, 1, 1_000_000));
  }

  private static Optional<String> optional(String text) {
    return text.isEmpty() ? Optional.empty() : Optional.of(text);
  }

  private static OptionalInt prefixTokens(int count) {
    return count < 0 ? OptionalInt.empty() : OptionalInt.of(count);
  }
}
