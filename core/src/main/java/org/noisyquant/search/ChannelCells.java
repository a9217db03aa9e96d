package org.noisyquant.search;

/**
 * The density of one channel in cells of any width, each made once. The width is the largest power
 * of two of which a given number fits into a quantizer's step.
 *
 * <p>A cell counts wholly to the level of its centre. Where a threshold cuts cells, that adds up to
 * the variance within a cell to the error of one step, 1/n² of it for n cells: a search can bear
 * that, a prediction cannot.
 *
 * <p>Not thread-safe.
 */
final class ChannelCells {
  private static final int FEW_LEVELS_BITS = 6;

  private static final int LOWEST = -60;

  private static final int HIGHEST = 60;

  private final ChannelDensity density;
  private final int cellsOfStep;
  private final ChannelDensity[] byExponent = new ChannelDensity[HIGHEST - LOWEST + 1];

  private ChannelCells(ChannelDensity density, int cellsOfStep) {
    this.density = density;
    this.cellsOfStep = cellsOfStep;
  }

  /** Cells that are good enough to compare steps and offsets of this one channel. */
  static ChannelCells forSearch(ChannelDensity density, int bits) {
    return new ChannelCells(density, bits > FEW_LEVELS_BITS ? 4 : 12);
  }

  /** Cells for losses that are compared with exact ones, and over all channels. */
  static ChannelCells forPrediction(ChannelDensity density, int bits) {
    return new ChannelCells(density, bits > FEW_LEVELS_BITS ? 8 : 24);
  }

  /** The density as the histograms have it. */
  ChannelDensity density() {
    return density;
  }

  /** The density in cells for this step. */
  ChannelDensity of(float step) {
    int exponent = Math.max(LOWEST, Math.min(HIGHEST, Math.getExponent(step / cellsOfStep)));
    int index = exponent - LOWEST;
    if (byExponent[index] == null) {
      byExponent[index] = density.inCells(exponent);
    }
    return byExponent[index];
  }
}
