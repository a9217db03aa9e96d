package org.noisyquant.search;

/** How the noisy bias of a site is found. */
public enum NoiseKind {
  /** N = 0. */
  NONE,
  /** The paper's: one draw of uniform noise with searched mean and range. */
  UNIFORM,
  /** The offset of each channel that minimises the error of that channel. */
  OPTIMIZED
}
