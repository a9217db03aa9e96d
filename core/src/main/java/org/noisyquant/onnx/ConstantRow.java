package org.noisyquant.onnx;

import java.util.List;

/**
 * One constant value for each channel, as a node reads it. The array is not copied.
 *
 * @param input which input of the node
 * @param shape shape of the constant in the model, one row: [C] or [1, …, 1, C]
 * @param values [C]
 */
@SuppressWarnings("ArrayRecordComponent") // Never compared or printed.
public record ConstantRow(int input, List<Integer> shape, float[] values) {
  /** Copies the shape. */
  public ConstantRow {
    shape = List.copyOf(shape);
  }
}
