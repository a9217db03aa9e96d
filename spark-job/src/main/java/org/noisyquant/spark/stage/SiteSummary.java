package org.noisyquant.spark.stage;

import java.io.Serializable;
import java.util.List;
import org.noisyquant.quant.QuantizedWeight;
import org.noisyquant.quant.UniformQuantizer;
import org.noisyquant.search.LossGrid;

/**
 * What the driver keeps of a site's statistics.
 *
 * @param site topological index
 * @param absMax largest magnitude on the calibration part
 * @param channelAbsMax largest magnitude of each channel on all images [channels]
 * @param tokens of all images
 */
record SiteSummary(int site, float absMax, float[] channelAbsMax, long tokens)
    implements Serializable {

  /** Shift and range together move a value by at most 1 + 2 steps; rounding adds half a step. */
  private static final double MAX_STEPS = 4;

  /**
   * A grid on which the summed losses of any candidate are exact. An error e_c is at most the
   * clipped magnitude plus noise and rounding, and ‖e·Wq‖ ≤ ‖e‖·‖Wq‖ (Frobenius norm).
   *
   * @param weights Wq of the site's layers; empty where the loss is measured at the input
   */
  LossGrid lossGrid(int activationBits, List<QuantizedWeight> weights) {
    // A site that is always zero has step 1.
    double widestStep = absMax > 0 ? absMax / UniformQuantizer.maxLevel(activationBits) : 1;
    double error = 0;
    for (float bound : channelAbsMax) {
      double e = bound + MAX_STEPS * widestStep;
      error += e * e;
    }
    double gain = weights.isEmpty() ? 1 : 0;
    for (QuantizedWeight weight : weights) {
      for (float w : weight.dequantized()) {
        gain += (double) w * w;
      }
    }
    return LossGrid.forSumsUpTo(tokens * error * gain);
  }
}
