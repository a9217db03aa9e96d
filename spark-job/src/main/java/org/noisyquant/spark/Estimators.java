package org.noisyquant.spark;

import java.util.Locale;
import org.noisyquant.spark.ml.NoisyQuant;
import org.noisyquant.spark.stage.SearchSettings;

/** From a job's configuration to the Estimator that does it. */
final class Estimators {
  private Estimators() {}

  private static String lower(Enum<?> word) {
    return word.name().toLowerCase(Locale.ROOT);
  }

  /**
   * The Estimator of a configuration.
   *
   * @param reduceRange whether 8-bit weights use 7 bits, decided for this machine where the
   *     configuration leaves it open
   */
  static NoisyQuant of(JobConfig config, boolean reduceRange) {
    JobConfig.Quantization quantization = config.quantization();
    JobConfig.Search search = config.search();
    return new NoisyQuant()
        .setModelPath(config.model().path())
        .setPreprocessingPath(config.model().preprocessing().orElse(""))
        .setStatisticsPath(config.statistics().path().orElse(""))
        .setReferencePath(config.statistics().reference().orElse(""))
        .setPrefixTokens(config.model().prefixTokens().orElse(-1))
        .setWeightBits(quantization.weightBits())
        .setActivationBits(quantization.activationBits())
        .setEdgeBits(quantization.edgeBits())
        .setHead(quantization.head())
        .setReduceRange(reduceRange)
        .setInclude(quantization.include())
        .setExclude(quantization.exclude())
        .setObjective(lower(search.objective()))
        .setCandidates(search.clipCandidates(), search.shiftCandidates(), search.rangeCandidates())
        .setSearchImageCount(search.imageCount())
        .setTokenFraction(search.tokenFraction())
        .setSearchMode(search.mode() == JobConfig.Search.Mode.GUIDED ? "guided" : "grid")
        .setChannelRescale(search.channelRescale())
        .setPrefixWeight(search.prefixWeight().orElse(SearchSettings.MEASURED))
        .setNoiseKind(lower(config.noise().kind()))
        .setNoiseFold(config.noise().fold())
        .setWeightRounding(lower(config.weights().rounding()))
        .setWeightCompensation(config.weights().compensation())
        .setBiasCorrection(config.weights().biasCorrection())
        .setDamping(config.weights().damping())
        .setMomentsTokenFraction(config.weights().tokenFraction())
        .setMomentsMemory((long) config.weights().memoryMiB() << 20)
        .setStatisticsMemory((long) config.statistics().memoryMiB() << 20)
        .setHeldOutFraction(config.images().heldOutFraction())
        .setMaxBadFraction(config.images().maxBadFraction())
        .setSeed(config.job().seed());
  }
}
