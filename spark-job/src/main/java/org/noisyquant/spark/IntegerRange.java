package org.noisyquant.spark;

import org.noisyquant.runtime.IntegerKernels;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Whether 8-bit weights keep a bit free. */
final class IntegerRange {
  private static final Logger LOG = LoggerFactory.getLogger(IntegerRange.class);

  private IntegerRange() {}

  /**
   * Whether weights get 7 bits, as {@code quantization.reduceRange} says. Warns where 8-bit
   * products may saturate.
   */
  static boolean reduced(JobConfig config) {
    boolean saturates = IntegerKernels.maySaturate();
    boolean reduce =
        switch (config.quantization().reduceRange()) {
          case TRUE -> true;
          case FALSE -> false;
          case AUTO -> saturates;
        };
    if (saturates && !reduce && config.quantization().weightBits() == 8) {
      LOG.warn(
          "this processor has no VNNI: ONNX Runtime's 8-bit products can saturate on such machines"
              + " and give other results than evaluated here. Where the model is to run on them,"
              + " set quantization.reduceRange = true");
    }
    return reduce;
  }
}
