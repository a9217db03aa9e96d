package org.noisyquant.testing;

import org.noisyquant.stats.CodeProducts;

/** Products of codes by the plain loop. */
public final class PlainCodeProducts implements CodeProducts {
  @Override
  public void forEachRow(byte[] a, int tokens, int columns, int rows, Rows to) {
    for (int i = 0; i < rows; i++) {
      int[] products = new int[columns - i];
      for (int t = 0; t < tokens; t++) {
        for (int j = i; j < columns; j++) {
          products[j - i] += a[t * columns + i] * a[t * columns + j];
        }
      }
      to.accept(i, products);
    }
  }
}
