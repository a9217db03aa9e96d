package org.noisyquant.quant;

import java.io.Serializable;
import java.util.Objects;

/**
 * A quantized linear layer, y' = q(x / c + N)·Wq + b'.
 *
 * @param weight Wq [inputs, outputs]
 * @param bias b' [outputs]
 */
public record QuantizedLinear(QuantizedWeight weight, float[] bias) implements Serializable {
  /** Checks shapes. */
  public QuantizedLinear {
    Objects.requireNonNull(weight);
    if (bias.length != weight.outputs()) {
      throw new IllegalArgumentException(
          bias.length + " biases for " + weight.outputs() + " outputs");
    }
  }
}
