package org.noisyquant.quant;

import java.io.Serializable;
import java.util.Objects;

/**
 * How a layer's weights and bias are chosen.
 *
 * @param bits of the weights, 2 to 8
 * @param rounding how weights become codes
 * @param compensate whether the weights are first fitted, by least squares, to the quantized input
 * @param biasCorrection whether the bias takes off the mean error of the output
 * @param damping ridge of least squares and GPTQ, in units of the mean diagonal of H; 0.01 in the
 *     GPTQ paper
 */
public record WeightSettings(
    int bits, WeightRounding rounding, boolean compensate, boolean biasCorrection, double damping)
    implements Serializable {
  /** Checks ranges. */
  public WeightSettings {
    Objects.requireNonNull(rounding);
    if (bits < 2 || bits > 8) {
      throw new IllegalArgumentException("bits must be 2 to 8: " + bits);
    }
    if (!(damping >= 0) || Double.isInfinite(damping)) {
      throw new IllegalArgumentException("damping must be finite and not negative: " + damping);
    }
  }

  /** Whether the settings need the second moments of the quantized input. */
  public boolean needMoments() {
    return compensate || rounding == WeightRounding.GPTQ;
  }
}
