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
  private final IdleBuffers<Buffers> idle = new IdleBuffers<>();

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

  /** Opens a run. Its off-heap buffers grow with the largest left operand. */
  public Run newRun() {
    return new Run();
  }

  @Override
  public void close() {
    idle.close();
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

  /** Left operand and result, as large as they have been needed. */
  private record Buffers(GrowingFloats left, GrowingFloats result) implements AutoCloseable {
    @Override
    public void close() {
      // The collector frees them with their runner.
    }
  }

  /** Repeated products with buffers that the next run takes over. Not thread-safe. */
  public final class Run implements AutoCloseable {
    private Buffers buffers =
        idle.take().orElseGet(() -> new Buffers(new GrowingFloats(), new GrowingFloats()));

    private Run() {}

    /**
     * Computes ‖a_t·B‖² for each row of A.
     *
     * @param a A [rows, inner], row-major, at the start of the array
     * @param b B [inner, outputs]
     * @param norms receives the squared norms [rows]
     */
    public void squaredRowNorms(float[] a, int rows, Matrix b, float[] norms) {
      int values = rows * b.inner;
      FloatBuffer left = buffers.left.atLeast(values).put(0, a, 0, values);
      FloatBuffer result = buffers.result.atLeast(rows);
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

    @Override
    public void close() {
      if (buffers != null) {
        idle.leave(buffers);
        buffers = null;
      }
    }
  }
}
