package org.noisyquant.spark.ml;

import java.util.List;
import java.util.Optional;
import org.noisyquant.image.Preprocessing;
import org.noisyquant.onnx.OnnxModel;
import org.noisyquant.spark.stage.MemoryPlan;
import org.noisyquant.spark.stage.SitePlan;

/**
 * What {@link NoisyQuant#fit} works on.
 *
 * @param model the FP32 model
 * @param preprocessing of its images
 * @param sites what is quantized
 * @param memory what it will take; absent where the model could not be tried
 */
public record FitPlan(
    OnnxModel model,
    Preprocessing preprocessing,
    List<SitePlan> sites,
    Optional<MemoryPlan> memory) {
  /** Keeps a copy of the list. */
  public FitPlan {
    sites = List.copyOf(sites);
  }
}
