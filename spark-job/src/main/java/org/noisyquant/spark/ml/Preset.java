package org.noisyquant.spark.ml;

import java.util.Arrays;
import java.util.Locale;
import org.noisyquant.spark.stage.SearchSettings;

/** Named settings of search and weights, from what the paper does to the best that is known. */
enum Preset {
  /** NoisyQuant-Linear as published: min-max weights, three passes of clip, shift and range. */
  PAPER {
    @Override
    void applyTo(NoisyQuant estimator) {
      estimator
          .setSearchMode("grid")
          .setNoiseKind("uniform")
          .setChannelRescale(false)
          .setPrefixWeight(1)
          .setSearchImageCount(0)
          .setWeightRounding("minmax")
          .setWeightCompensation(false)
          .setDamping(0.01)
          .setBiasCorrection(false)
          .setMomentsTokenFraction(0.25);
    }
  },
  /** Two image passes: optimized noise, channel rescale, bias correction and MSE weights. */
  BALANCED {
    @Override
    void applyTo(NoisyQuant estimator) {
      estimator
          .setSearchMode("guided")
          .setNoiseKind("optimized")
          .setChannelRescale(true)
          .setPrefixWeight(20)
          .setSearchImageCount(64)
          .setWeightRounding("mse")
          .setWeightCompensation(false)
          .setDamping(0.01)
          .setBiasCorrection(true)
          .setMomentsTokenFraction(0.25);
    }
  },
  /**
   * With one image pass more: weights fitted to the quantized input, GPTQ; the weight of class
   * tokens is measured.
   */
  BEST {
    @Override
    void applyTo(NoisyQuant estimator) {
      BALANCED.applyTo(estimator);
      estimator
          .setPrefixWeight(SearchSettings.MEASURED)
          .setWeightRounding("gptq")
          .setWeightCompensation(true)
          .setDamping(0.1)
          .setMomentsTokenFraction(1);
    }
  };

  abstract void applyTo(NoisyQuant estimator);

  static Preset of(String name) {
    return Arrays.stream(values())
        .filter(preset -> preset.name().toLowerCase(Locale.ROOT).equals(name))
        .findFirst()
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    "there is no preset " + name + "; allowed: paper, balanced or best"));
  }
}
