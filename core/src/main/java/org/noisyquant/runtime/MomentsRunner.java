package org.noisyquant.runtime;

import ai.onnxruntime.OnnxJavaType;
import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.IntBuffer;
import java.nio.LongBuffer;
import java.util.Map;
import java.util.Set;
import org.noisyquant.onnx.CodeProductsModel;
import org.noisyquant.stats.CodeProducts;

/**
 * Exact sums of products of 8-bit integers at the speed of ONNX Runtime's integer kernels.
 * Thread-safe: tasks share one runner and each opens its own {@link Run}.
 */
public final class MomentsRunner implements AutoCloseable {
  /** Rows of one product: its right side is prepared once, the half below them left out. */
  private static final int BLOCK_ROWS = 256;

  private final OrtSession session;
  private final boolean signed;
  private final IdleBuffers<Buffers> idle = new IdleBuffers<>();

  private MomentsRunner(OrtSession session, boolean signed) {
    this.session = session;
    this.signed = signed;
  }

  /**
   * Opens a runner. Processors without an instruction for dot products of bytes add pairs of
   * products in 16 bits, which saturate: on those it takes slower kernels, which are exact.
   *
   * @param threads threads of one product
   */
  public static MomentsRunner open(int threads) {
    MomentsRunner fast = open(threads, true);
    if (fast.isExact()) {
      return fast;
    }
    fast.close();
    return open(threads, false);
  }

  /** With signed right sides, or without. */
  static MomentsRunner open(int threads, boolean signed) {
    return new MomentsRunner(ProductSession.open(CodeProductsModel.bytes(signed), threads), signed);
  }

  /** Whether the largest codes are multiplied exactly. */
  private boolean isExact() {
    int tokens = 64;
    byte[] a = new byte[2 * tokens];
    for (int t = 0; t < tokens; t++) {
      a[2 * t] = 127;
      a[2 * t + 1] = (byte) (t < tokens / 2 ? 127 : -128);
    }
    long[] sums = new long[2];
    try (Run run = newRun()) {
      run.forEachRow(a, tokens, 2, 1, (i, row) -> sums[0] = row[0] - 2L * row[1]);
    }
    return sums[0] == 127L * 127 * tokens - 2L * 127 * (127 - 128) * (tokens / 2);
  }

  /** Opens a run. Its off-heap buffers grow with the largest product. */
  public Run newRun() {
    return new Run();
  }

  @Override
  public void close() {
    idle.close();
    ProductSession.close(session);
  }

  /** Both sides, a block of products, and which rows the block has. */
  private static final class Buffers implements AutoCloseable {
    private final LongBuffer range = direct(2 * Long.BYTES).asLongBuffer();
    private ByteBuffer left = direct(0);
    private ByteBuffer right = direct(0);
    private IntBuffer result = direct(0).asIntBuffer();

    private static ByteBuffer direct(int bytes) {
      return ByteBuffer.allocateDirect(bytes).order(ByteOrder.nativeOrder());
    }

    void reserve(int leftBytes, int rightBytes, int products) {
      if (left.capacity() < leftBytes) {
        left = direct(leftBytes);
      }
      if (right.capacity() < rightBytes) {
        right = direct(rightBytes);
      }
      if (result.capacity() < products) {
        result = direct(Math.multiplyExact(products, Integer.BYTES)).asIntBuffer();
      }
    }

    @Override
    public void close() {
      // The collector frees them with their runner.
    }
  }

  /** Repeated products with buffers that the next run takes over. Not thread-safe. */
  public final class Run implements CodeProducts, AutoCloseable {
    private Buffers buffers = idle.take().orElseGet(Buffers::new);
    private byte[] unsigned = new byte[0];
    private int[] row = new int[0];

    private Run() {}

    @Override
    public void forEachRow(byte[] a, int tokens, int columns, int rows, Rows to) {
      if (tokens < 1 || tokens > MAX_TOKENS) {
        throw new IllegalArgumentException("tokens: " + tokens);
      }
      int blocks = (rows + BLOCK_ROWS - 1) / BLOCK_ROWS;
      int height = (rows + blocks - 1) / blocks;
      load(a, tokens, columns, rows, height);
      OrtEnvironment environment = OrtEnvironment.getEnvironment();
      try (OnnxTensor left = tensor(environment, buffers.left, tokens, rows, OnnxJavaType.UINT8);
          OnnxTensor right =
              tensor(
                  environment,
                  buffers.right,
                  tokens,
                  columns,
                  signed ? OnnxJavaType.INT8 : OnnxJavaType.UINT8)) {
        for (int from = 0; from < rows; from += height) {
          int end = Math.min(rows, from + height);
          int width = columns - from;
          multiply(environment, left, right, from, end, width);
          for (int i = from; i < end; i++) {
            buffers.result.get((i - from) * width + i - from, row, 0, columns - i);
            to.accept(i, row);
          }
        }
      } catch (OrtException e) {
        throw ProductSession.failed(e);
      }
    }

    private void multiply(
        OrtEnvironment environment, OnnxTensor left, OnnxTensor right, int from, int end, int width)
        throws OrtException {
      int height = end - from;
      buffers.range.put(0, from).put(1, end);
      long[] one = {1};
      try (OnnxTensor fromTensor =
              OnnxTensor.createTensor(environment, buffers.range.slice(0, 1), one);
          OnnxTensor toTensor =
              OnnxTensor.createTensor(environment, buffers.range.slice(1, 1), one);
          OnnxTensor resultTensor =
              OnnxTensor.createTensor(
                  environment,
                  buffers.result.slice(0, height * width),
                  new long[] {height, width})) {
        session
            .run(
                Map.of(
                    CodeProductsModel.LEFT, left,
                    CodeProductsModel.RIGHT, right,
                    CodeProductsModel.FROM, fromTensor,
                    CodeProductsModel.TO, toTensor),
                Set.of(),
                Map.of(CodeProductsModel.RESULT, resultTensor))
            .close();
      }
    }

    private OnnxTensor tensor(
        OrtEnvironment environment, ByteBuffer buffer, int tokens, int width, OnnxJavaType type)
        throws OrtException {
      ByteBuffer bytes = buffer.slice(0, tokens * width).order(ByteOrder.nativeOrder());
      return OnnxTensor.createTensor(environment, bytes, new long[] {tokens, width}, type);
    }

    private void load(byte[] a, int tokens, int columns, int rows, int height) {
      int size = Math.multiplyExact(tokens, columns);
      buffers.reserve(tokens * rows, size, Math.multiplyExact(height, columns));
      if (unsigned.length < size) {
        unsigned = new byte[size];
      }
      if (row.length < columns) {
        row = new int[columns];
      }
      for (int i = 0; i < size; i++) {
        unsigned[i] = (byte) (a[i] ^ 128);
      }
      buffers.right.put(0, signed ? a : unsigned, 0, size);
      for (int t = 0; t < tokens; t++) {
        buffers.left.put(t * rows, unsigned, t * columns, rows);
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
