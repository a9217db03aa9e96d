package org.noisyquant.stats;

/**
 * Exact sums of products of integer codes over tokens, P = A[:, 0…rows)ᵀ · A, row by row from the
 * diagonal on: whoever multiplies matrices well implements this.
 */
@FunctionalInterface
public interface CodeProducts {
  /** More tokens at a time could overflow an int: |code| ≤ 2^7. */
  int MAX_TOKENS = 1 << 16;

  /**
   * Computes the products and hands over each row of P once, in any order.
   *
   * @param a A [tokens, columns], row-major, −128 … 127
   * @param tokens 1 to {@value #MAX_TOKENS}
   * @param rows 1 to {@code columns}
   */
  void forEachRow(byte[] a, int tokens, int columns, int rows, Rows to);

  /** Takes a row; the array is the caller's and may be longer than said here. */
  @FunctionalInterface
  interface Rows {
    /**
     * Takes row i of P.
     *
     * @param products Σ_t A_ti·A_t,i+j for j = 0 … columns − i − 1
     */
    void accept(int i, int[] products);
  }
}
