package org.noisyquant.spark.stage;

import java.util.List;
import org.noisyquant.image.Preprocessing;
import org.noisyquant.onnx.OnnxModel;
import org.noisyquant.search.CandidateGrid;
import org.noisyquant.search.Objective;

/**
 * What a calibration is to do.
 *
 * @param model the FP32 model
 * @param preprocessing how images become its input
 * @param sites what is quantized, in topological order
 * @param grid the candidates
 * @param objective where a candidate's error is measured
 * @param tokenFraction share of the tokens that is scored, in (0, 1]
 * @param heldOutFraction share of the images that choices are checked on, in [0, 1)
 * @param maxBadFraction share of unreadable images above which the calibration fails
 * @param seed of the noise, the held-out part and the tokens
 */
public record CalibrationSettings(
    OnnxModel model,
    Preprocessing preprocessing,
    List<SitePlan> sites,
    CandidateGrid grid,
    Objective objective,
    double tokenFraction,
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
