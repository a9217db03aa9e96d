package org.noisyquant.spark.stage;

import java.io.Serializable;
import java.util.List;
import org.noisyquant.quant.NoisyQuantizer;
import org.noisyquant.quant.UniformQuantizer;
import org.noisyquant.stats.SumGrid;

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
   * A grid on which the summed losses of any candidate of the paper's search are exact. An error
   * e_c is at most the clipped magnitude plus noise and rounding, and ‖e·W‖ ≤ ‖e‖·‖W‖.
   *
   * @param squaredNorm ‖W‖² (Frobenius norm), 1 where the loss is measured at the input
   */
  SumGrid lossGrid(int activationBits, double squaredNorm) {
    // A site that is always zero has step 1.
    double widestStep = absMax > 0 ? absMax / UniformQuantizer.maxLevel(activationBits) : 1;
    double error = 0;
    for (float bound : channelAbsMax) {
      double e = bound + MAX_STEPS * widestStep;
      error += e * e;
    }
    return SumGrid.forSumsUpTo(tokens * error * squaredNorm);
  }

  /**
   * The same for given quantizers: |q(x + N) − D − x| is at most the largest level plus |D| plus
   * |x|.
   *
   * @param prefixWeight what a prefix token counts
   */
  SumGrid lossGrid(List<NoisyQuantizer> quantizers, double squaredNorm, double prefixWeight) {
    double error = 0;
    for (int c = 0; c < channelAbsMax.length; c++) {
      double largest = 0;
      for (NoisyQuantizer q : quantizers) {
        double level = (double) q.steps()[c] * (1 << (q.bits() - 1));
        largest = Math.max(largest, level + Math.abs(q.removed()[c]));
      }
      double e = channelAbsMax[c] + largest;
      error += e * e;
    }
    return SumGrid.forSumsUpTo(tokens * Math.max(1, prefixWeight) * error * squaredNorm);
  }
}
