package org.noisyquant.stats;

/**
 * Sums of products over the tokens of one image, Σ_t ω_t·z_t·z_tᵀ and Σ_t ω_t·z_t·x_tᵀ, row by row:
 * whoever multiplies matrices well implements this.
 */
@FunctionalInterface
public interface TokenProducts {
  /**
   * Computes the products and hands over each of their rows once, in any order.
   *
   * @param z [tokens, channels], row-major
   * @param x [tokens, channels], row-major; null for no cross products
   * @param tokenWeights ω [tokens], not negative; null for 1
   */
  void forEachRow(float[] z, float[] x, int tokens, int channels, float[] tokenWeights, Rows rows);

  /** Takes a row; its arrays are the caller's and may be longer than said here. */
  @FunctionalInterface
  interface Rows {
    /**
     * The products of one channel c.
     *
     * @param quantized Σ ω·z_c·z_{c+j} for j = 0 … channels − c − 1
     * @param cross Σ ω·z_c·x_j for j = 0 … channels − 1; anything without x
     */
    void accept(int channel, float[] quantized, float[] cross);
  }
}
