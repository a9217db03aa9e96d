package org.noisyquant.spark.stage;

import java.util.List;
import org.noisyquant.image.Preprocessing;
import org.noisyquant.onnx.OnnxModel;

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

  ImageInput imageInput() {
    return new ImageInput(
        preprocessing.toJson(),
        model.graph().height(),
        model.graph().width(),
        heldOutFraction,
        seed);
  }
}
