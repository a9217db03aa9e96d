package org.noisyquant.onnx;

import java.util.function.Supplier;

/**
 * A float constant of the graph, read through Identity, Cast, Transpose and reshapes; its values
 * are decoded only when asked for.
 */
final class Constant {
  private final String root;
  private final int[] shape;
  private final Supplier<float[]> source;

  /**
   * A constant.
   *
   * @param root name of the initializer or Constant output it comes from
   * @param shape its shape after these operators
   * @param source its values, row-major
   */
  Constant(String root, int[] shape, Supplier<float[]> source) {
    this.root = root;
    this.shape = shape;
    this.source = source;
  }

  String root() {
    return root;
  }

  int[] shape() {
    return shape;
  }

  float[] values() {
    return source.get();
  }

  int rank() {
    return shape.length;
  }

  int elements() {
    int count = 1;
    for (int dim : shape) {
      count = Math.multiplyExact(count, dim);
    }
    return count;
  }

  /** Whether this is one row of {@code outputs} values: [O] or [1, …, 1, O]. */
  boolean isRow(int outputs) {
    return rank() > 0 && shape[rank() - 1] == outputs && elements() == outputs;
  }

  Constant reshaped(int[] newShape) {
    return new Constant(root, newShape, source);
  }

  /** The same constant with its two axes swapped; needs rank 2. */
  Constant transposed() {
    int rows = shape[0];
    int columns = shape[1];
    return new Constant(
        root,
        new int[] {columns, rows},
        () -> {
          float[] from = values();
          float[] to = new float[from.length];
          for (int r = 0; r < rows; r++) {
            for (int c = 0; c < columns; c++) {
              to[c * rows + r] = from[r * columns + c];
            }
          }
          return to;
        });
  }
}
