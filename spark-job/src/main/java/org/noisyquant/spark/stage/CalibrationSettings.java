package org.noisyquant.spark.stage;

import java.util.List;
import org.noisyquant.error.ErrorCode;
import org.noisyquant.error.NoisyQuantException;
import org.noisyquant.image.Preprocessing;
import org.noisyquant.onnx.OnnxModel;
import org.noisyquant.quant.WeightRounding;
import org.noisyquant.result.StatisticsManifest;

/**
 * What a calibration is to do.
 *
 * @param model the FP32 model
 * @param preprocessing how images become its input
 * @param sites what is quantized, in topological order
 * @param search how quantizers and noise are searched
 * @param weights how weights and biases are chosen
 * @param statisticsMemory most bytes of histograms that a task holds; more sites take more image
 *     passes
 * @param heldOutFraction share of the images that choices are checked on, in [0, 1)
 * @param maxBadFraction share of unreadable images above which the calibration fails
 * @param seed of the noise, the held-out part and the tokens
 */
public record CalibrationSettings(
    OnnxModel model,
    Preprocessing preprocessing,
    List<SitePlan> sites,
    SearchSettings search,
    WeightRules weights,
    long statisticsMemory,
    double heldOutFraction,
    double maxBadFraction,
    long seed) {

  /** The same with a weight of prefix tokens. */
  CalibrationSettings withPrefixWeight(double weight) {
    return new CalibrationSettings(
        model,
        preprocessing,
        sites,
        search.withPrefixWeight(weight),
        weights,
        statisticsMemory,
        heldOutFraction,
        maxBadFraction,
        seed);
  }

  /** What statistics of images are taken of. */
  StatisticsManifest manifest() {
    return StatisticsManifest.of(
        model.sha256(),
        preprocessing,
        heldOutFraction,
        seed,
        sites.stream().map(SitePlan::site).toList());
  }

  /**
   * Makes sure that observations go together and suffice.
   *
   * @throws NoisyQuantException STATISTICS_INVALID for statistics of something else; INVALID_VALUE
   *     for settings that need images where there are none
   */
  public void check(Observations observed) {
    boolean alone = observed.images().isEmpty();
    observed.earlier().ifPresent(stored -> stored.check(manifest(), !alone));
    observed.reference().ifPresent(stored -> stored.check(manifest(), false));
    if (alone) {
      checkWithoutImages();
    }
  }

  private void checkWithoutImages() {
    String needed = null;
    if (!search.guided()) {
      needed = "search.mode grid or exhaustive scores every candidate";
    } else if (weights.rounding() == WeightRounding.GPTQ) {
      needed = "weights.rounding = gptq looks at second moments";
    } else if (weights.compensation()) {
      needed = "weights.compensation = true looks at second moments";
    }
    if (needed != null) {
      throw new NoisyQuantException(
          ErrorCode.INVALID_VALUE,
          needed
              + ", on images: give images.path (--images) beside statistics.path, or --preset"
              + " balanced, which does without");
    }
  }

  /**
   * How images reach the model.
   *
   * @param crashes of images in work, or null
   */
  ImageInput imageInput(CrashMarks crashes) {
    return new ImageInput(
        preprocessing.toJson(),
        model.graph().height(),
        model.graph().width(),
        heldOutFraction,
        seed,
        crashes);
  }
}
