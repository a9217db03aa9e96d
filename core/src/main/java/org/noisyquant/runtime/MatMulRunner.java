package org.noisyquant.runtime;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import java.nio.FloatBuffer;
import java.util.Map;
import java.util.Set;
import org.noisyquant.onnx.SquaredProductModel;

/**
 * Squared norms of the rows of matrix products, ‖a_t·B‖², at ONNX Runtime's speed. Thread-safe:
 * tasks share one runner and one {@link Matrix}, and each opens its own {@link Run}.
 */
public final class MatMulRunner implements AutoCloseable {
  private final OrtSession session;

  private MatMulRunner(OrtSession session) {
    this.session = session;
  }

  /**
   * Opens a runner.
   *
   * @param threads threads of one product
   */
  public static MatMulRunner open(int threads) {
    return new MatMulRunner(ProductSession.open(SquaredProductModel.bytes(), threads));
  }

  /**
   * A right operand B, copied off the heap.
   *
   * @param values [inner, outputs], row-major
   */
  public Matrix matrix(float[] values, int inner, int outputs) {
    if (values.length != inner * outputs) {
      throw new IllegalArgumentException(
          values.length + " values for [" + inner + ", " + outputs + "]");
    }
    FloatBuffer buffer = DirectFloats.allocate(values.length).put(0, values);
    try {
      return new Matrix(
          inner,
          OnnxTensor.createTensor(
              OrtEnvironment.getEnvironment(), buffer, new long[] {inner, outputs}));
    } catch (OrtException e) {
      throw ProductSession.failed(e);
    }
  }

  /**
   * Opens a run for left operands of up to {@code maxValues} values.
   *
   * @param maxValues rows times inner size of the largest left operand
   * @param maxRows rows of the largest left operand
   */
  public Run newRun(int maxValues, int maxRows) {
    return new Run(maxValues, maxRows);
  }

  @Override
  public void close() {
    ProductSession.close(session);
  }

  /** A right operand. */
  public static final class Matrix implements AutoCloseable {
    private final int inner;
    private final OnnxTensor tensor;

    private Matrix(int inner, OnnxTensor tensor) {
      this.inner = inner;
      this.tensor = tensor;
    }

    /** Rows of B. */
    public int inner() {
      return inner;
    }

    @Override
    public void close() {
      tensor.close();
    }
  }

  /** Repeated products with reused buffers. Not thread-safe. */
  public final class Run {
    private final FloatBuffer left;
    private final FloatBuffer result;

    private Run(int maxValues, int maxRows) {
      left = DirectFloats.allocate(maxValues);
      result = DirectFloats.allocate(maxRows);
    }

    /**
     * Computes ‖a_t·B‖² for each row of A.
     *
     * @param a A [rows, inner], row-major, at the start of the array
     * @param b B [inner, outputs]
     * @param norms receives the squared norms [rows]
     */
    public void squaredRowNorms(float[] a, int rows, Matrix b, float[] norms) {
      int values = rows * b.inner;
      left.put(0, a, 0, values);
      OrtEnvironment environment = OrtEnvironment.getEnvironment();
      try (OnnxTensor leftTensor =
              OnnxTensor.createTensor(
                  environment, left.slice(0, values), new long[] {rows, b.inner});
          OnnxTensor resultTensor =
              OnnxTensor.createTensor(environment, result.slice(0, rows), new long[] {rows})) {
        session
            .run(
                Map.of(SquaredProductModel.LEFT, leftTensor, SquaredProductModel.RIGHT, b.tensor),
                Set.of(),
                Map.of(SquaredProductModel.RESULT, resultTensor))
            .close();
      } catch (OrtException e) {
        throw ProductSession.failed(e);
      }
      result.get(0, norms, 0, rows);
    }
  }
}
