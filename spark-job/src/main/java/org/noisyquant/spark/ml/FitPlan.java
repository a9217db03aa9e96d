package org.noisyquant.spark.ml;

import java.util.List;
import org.noisyquant.image.Preprocessing;
import org.noisyquant.onnx.OnnxModel;
import org.noisyquant.spark.stage.SitePlan;

/**
 * What {@link NoisyQuant#fit} works on.
 *
 * @param model the FP32 model
 * @param preprocessing of its images
 * @param sites what is quantized
 */
public record FitPlan(OnnxModel model, Preprocessing preprocessing, List<SitePlan> sites) {
  /** Keeps a copy of the list. */
  public FitPlan {
    sites = List.copyOf(sites);
  }
}
