package org.noisyquant.quant;

/** How weights become integer codes. */
public enum WeightRounding {
  /** Nearest code, scale from the largest magnitude; see {@link WeightQuantizer#minMax}. */
  MINMAX,
  /** Nearest code, scale of the smallest weighted error; see {@link WeightQuantizer#mse}. */
  MSE,
  /** The scales of {@link #MSE}, codes by {@link Gptq}. */
  GPTQ
}
