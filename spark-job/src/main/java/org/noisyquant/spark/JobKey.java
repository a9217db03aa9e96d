package org.noisyquant.spark;

/**
 * Every key of {@code reference.conf}, with its command-line flag where it has one. Which commands
 * offer the flag is theirs to say.
 */
enum JobKey {
  MODEL_PATH("model.path", "--model", "FILE", "FP32 ONNX model"),
  PREPROCESSING(
      "model.preprocessing",
      "--preprocessing",
      "FILE",
      "preprocessor_config.json or timm's config.json; default: the one beside the model"),
  MODEL_PREFIX_TOKENS("model.prefixTokens"),
  IMAGES_PATH("images.path", "--images", "FOLDER", "images, a folder or a glob"),
  IMAGES_COUNT(
      "images.count", "--calibration-count", "N", "calibrate on a sample of N images; 0: on all"),
  IMAGES_MAX_BAD_FRACTION("images.maxBadFraction"),
  IMAGES_HELD_OUT_FRACTION("images.heldOutFraction"),
  STATISTICS_PATH(
      "statistics.path",
      "--from-statistics",
      "FOLDER",
      "statistics of an earlier calibration: --images are added to them, or need not be given"),
  STATISTICS_REFERENCE("statistics.reference"),
  STATISTICS_MERGE(
      "statistics.merge",
      "--statistics",
      "FOLDER",
      "statistics of one of the calibrations, repeatable"),
  EVALUATION_PATH(
      "evaluation.path",
      "--evaluation-images",
      "FOLDER",
      "images to evaluate on; default: a held-out share of the calibration images"),
  EVALUATION_LABELS(
      "evaluation.labels",
      "--labels",
      "FILE",
      "CSV file with the header file,label, or `folders` where each image lies in the folder of"
          + " its class; default: labels.csv in the folder of the images"),
  EVALUATION_CLASSES(
      "evaluation.classes",
      "--classes",
      "FILE",
      "names of the model's classes, one per line, or config.json of Hugging Face: where labels or"
          + " class folders are names"),
  EVALUATION_BOOTSTRAP_REPLICATES("evaluation.bootstrapReplicates"),
  EVALUATION_MODELS(
      "evaluation.models",
      "--quantized",
      "FILE",
      "quantized ONNX model, repeatable; the first is the baseline of the others"),
  WEIGHT_BITS("quantization.weightBits", "--weight-bits", "BITS", "bits of the weights, 2 to 8"),
  ACTIVATION_BITS(
      "quantization.activationBits",
      "--activation-bits",
      "BITS",
      "bits of the activations, 2 to 8"),
  SCOPE(
      "quantization.scope",
      "--scope",
      "SCOPE",
      "what is quantized; linears: the weight layers of the blocks"),
  INCLUDE(
      "quantization.include",
      "--include",
      "PATTERN",
      "quantize only sites of such a name (* matches anything), repeatable"),
  EXCLUDE(
      "quantization.exclude",
      "--exclude",
      "PATTERN",
      "leave sites of such a name in FP32, repeatable"),
  HEAD("quantization.head"),
  EDGE_BITS("quantization.edgeBits"),
  REDUCE_RANGE("quantization.reduceRange"),
  PRESET(
      "preset",
      "--preset",
      "PRESET",
      "paper, balanced or best: what the keys of search, noise, and weights are where nothing else"
          + " sets them"),
  SEARCH_MODE(
      "search.mode",
      "--search-mode",
      "MODE",
      "guided: statistics leave a short list to the images; grid: the paper's three passes;"
          + " exhaustive: these with its full grid"),
  CHANNEL_RESCALE("search.channelRescale"),
  PREFIX_WEIGHT("search.prefixWeight"),
  SEARCH_IMAGE_COUNT("search.imageCount"),
  NOISE_KIND("noise.kind", "--noise", "KIND", "noisy bias: none, uniform or optimized"),
  NOISE_FOLD("noise.fold"),
  ROUNDING("weights.rounding", "--weight-rounding", "ROUNDING", "minmax, mse or gptq"),
  COMPENSATION("weights.compensation"),
  BIAS_CORRECTION("weights.biasCorrection"),
  DAMPING("weights.damping"),
  MOMENTS_TOKEN_FRACTION("weights.tokenFraction"),
  MOMENTS_MEMORY("weights.memoryMiB"),
  STATISTICS_MEMORY("statistics.memoryMiB"),
  SEARCH_OBJECTIVE(
      "search.objective",
      "--objective",
      "ERROR",
      "error to minimise: of a layer's output or input"),
  SEARCH_TOKEN_FRACTION(
      "search.tokenFraction",
      "--token-fraction",
      "SHARE",
      "share of each image's tokens that is scored, above 0 to 1"),
  CLIP_CANDIDATES("search.clipCandidates"),
  SHIFT_CANDIDATES("search.shiftCandidates"),
  RANGE_CANDIDATES("search.rangeCandidates"),
  GATE_MAX_KL("gates.maxKl"),
  GATE_MIN_TOP1("gates.minTop1"),
  GATE_MAX_TOP1_DROP("gates.maxTop1Drop"),
  GATE_MAX_RANGE_DRIFT("gates.maxRangeDrift"),
  OUTPUT_PATH("output.path", "--output", "FOLDER", "folder for the results"),
  OUTPUT_OVERWRITE("output.overwrite", "--overwrite", "", "replace finished results in it"),
  SEED("job.seed", "--seed", "N", "seed of everything random"),
  PARTITIONS(
      "job.partitions",
      "--partitions",
      "N",
      "Spark partitions of the images; 0: the default parallelism"),
  CHECKPOINT_SECONDS("job.checkpointSeconds");

  private final String path;
  private final String flag;
  private final String label;
  private final String help;

  JobKey(String path) {
    this(path, "", "", "");
  }

  JobKey(String path, String flag, String label, String help) {
    this.path = path;
    this.flag = flag;
    this.label = label;
    this.help = help;
  }

  /** The key below the root {@code noisyquant}. */
  String path() {
    return path;
  }

  /** The flag with its dashes; empty where there is none. */
  String flag() {
    return flag;
  }

  /** How help names the flag's value; empty for a flag without one. */
  String label() {
    return label;
  }

  /** What help says about the flag. */
  String help() {
    return help;
  }

  /** For messages: the key, with its flag where it has one. */
  @Override
  public String toString() {
    return flag.isEmpty() ? path : path + " (" + flag + ")";
  }
}
