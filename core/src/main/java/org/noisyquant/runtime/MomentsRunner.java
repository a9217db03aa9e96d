package org.noisyquant.runtime;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.LongBuffer;
import java.util.Map;
import java.util.Set;
import org.noisyquant.onnx.TokenProductsModel;
import org.noisyquant.stats.TokenProducts;

/**
 * Sums of products of activations at ONNX Runtime's speed, in float: Σ_t ω_t·z_t·z_tᵀ and Σ_t
 * ω_t·z_t·x_tᵀ. Thread-safe: tasks share one runner and each opens its own {@link Run}.
 */
public final class MomentsRunner implements AutoCloseable {
  /**
   * Products of one call of ONNX Runtime. Rows of the product are computed in blocks, so that they
   * are read from the cache, memory is bounded and half of the symmetric part is left out.
   */
  private static final int BLOCK_VALUES = 1 << 17;

  private final OrtSession session;
  private final IdleBuffers<Buffers> idle = new IdleBuffers<>();

  private MomentsRunner(OrtSession session) {
    this.session = session;
  }

  /**
   * Opens a runner.
   *
   * @param threads threads of one product
   */
  public static MomentsRunner open(int threads) {
    return new MomentsRunner(ProductSession.open(TokenProductsModel.bytes(), threads));
  }

  /** Opens a run. Its off-heap buffers grow with the largest image. */
  public Run newRun() {
    return new Run();
  }

  @Override
  public void close() {
    idle.close();
    ProductSession.close(session);
  }

  /** The operand [tokens, columns], a block of products, and which rows the block has. */
  private record Buffers(LongBuffer range, GrowingFloats operand, GrowingFloats result)
      implements AutoCloseable {
    private static Buffers empty() {
      return new Buffers(
          ByteBuffer.allocateDirect(2 * Long.BYTES).order(ByteOrder.nativeOrder()).asLongBuffer(),
          new GrowingFloats(),
          new GrowingFloats());
    }

    @Override
    public void close() {
      // The collector frees them with their runner.
    }
  }

  /** Repeated products with buffers that the next run takes over. Not thread-safe. */
  public final class Run implements TokenProducts, AutoCloseable {
    private Buffers buffers = idle.take().orElseGet(Buffers::empty);
    private FloatBuffer operand;
    private FloatBuffer result;
    private float[] row = new float[0];
    private float[] quantized = new float[0];
    private float[] cross = new float[0];

    private Run() {}

    @Override
    public void forEachRow(
        float[] z, float[] x, int tokens, int channels, float[] tokenWeights, Rows rows) {
      if (tokens == 0) {
        return;
      }
      int columns = x == null ? channels : 2 * channels;
      int block = Math.max(1, Math.min(channels, BLOCK_VALUES / columns));
      reserve(tokens, channels, columns, block);
      for (int t = 0; t < tokens; t++) {
        float root = tokenWeights == null ? 1f : (float) Math.sqrt(tokenWeights[t]);
        load(z, t, channels, root, t * columns);
        if (x != null) {
          load(x, t, channels, root, t * columns + channels);
        }
      }
      OrtEnvironment environment = OrtEnvironment.getEnvironment();
      try (OnnxTensor rowsTensor =
          OnnxTensor.createTensor(
              environment, operand.slice(0, tokens * columns), new long[] {tokens, columns})) {
        for (int from = 0; from < channels; from += block) {
          int to = Math.min(channels, from + block);
          int width = columns - from;
          multiply(environment, rowsTensor, from, to, width);
          for (int c = from; c < to; c++) {
            int start = (c - from) * width;
            result.get(start + c - from, quantized, 0, channels - c);
            if (x != null) {
              result.get(start + channels - from, cross, 0, channels);
            }
            rows.accept(c, quantized, cross);
          }
        }
      } catch (OrtException e) {
        throw ProductSession.failed(e);
      }
    }

    private void multiply(
        OrtEnvironment environment, OnnxTensor rowsTensor, int from, int to, int width)
        throws OrtException {
      int height = to - from;
      buffers.range.put(0, from).put(1, to);
      long[] one = {1};
      try (OnnxTensor fromTensor =
              OnnxTensor.createTensor(environment, buffers.range.slice(0, 1), one);
          OnnxTensor toTensor =
              OnnxTensor.createTensor(environment, buffers.range.slice(1, 1), one);
          OnnxTensor resultTensor =
              OnnxTensor.createTensor(
                  environment, result.slice(0, height * width), new long[] {height, width})) {
        session
            .run(
                Map.of(
                    TokenProductsModel.ROWS, rowsTensor,
                    TokenProductsModel.FROM, fromTensor,
                    TokenProductsModel.TO, toTensor),
                Set.of(),
                Map.of(TokenProductsModel.RESULT, resultTensor))
            .close();
      }
    }

    private void load(float[] values, int token, int channels, float root, int offset) {
      if (root == 1f) {
        operand.put(offset, values, token * channels, channels);
        return;
      }
      System.arraycopy(values, token * channels, row, 0, channels);
      for (int c = 0; c < channels; c++) {
        row[c] *= root;
      }
      operand.put(offset, row, 0, channels);
    }

    private void reserve(int tokens, int channels, int columns, int block) {
      operand = buffers.operand.atLeast(Math.multiplyExact(tokens, columns));
      result = buffers.result.atLeast(Math.multiplyExact(block, columns));
      if (row.length < channels) {
        row = new float[channels];
        quantized = new float[channels];
        cross = new float[channels];
      }
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
