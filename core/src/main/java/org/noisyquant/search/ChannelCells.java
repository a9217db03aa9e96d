package org.noisyquant.search;

/**
 * The density of one channel in cells of any width, each made once. The width is the largest power
 * of two of which a given number fits into a quantizer's step.
 *
 * <p>Not thread-safe.
 */
final class ChannelCells {
  /** Cells of a step where its levels are few, and each of them matters. */
  private static final int COARSE = 12;

  /** Cells of a step of more than {@value #FEW_LEVELS_BITS} bits. */
  private static final int FINE = 4;

  private static final int FEW_LEVELS_BITS = 6;

  private static final int LOWEST = -60;

  private final ChannelDensity density;
  private final int cellsOfStep;
  private final ChannelDensity[] byExponent = new ChannelDensity[128];

  ChannelCells(ChannelDensity density, int bits) {
    this.density = density;
    cellsOfStep = bits > FEW_LEVELS_BITS ? FINE : COARSE;
  }

  /** The density as the histograms have it. */
  ChannelDensity density() {
    return density;
  }

  /** The density in cells for this step. */
  ChannelDensity of(float step) {
    int exponent = Math.max(LOWEST, Math.min(60, Math.getExponent(step / cellsOfStep)));
    int index = exponent - LOWEST;
    if (byExponent[index] == null) {
      byExponent[index] = density.inCells(exponent);
    }
    return byExponent[index];
  }
}
