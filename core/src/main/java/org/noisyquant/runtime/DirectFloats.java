package org.noisyquant.runtime;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;

/** Off-heap float buffers that ONNX Runtime reads and writes without a copy. */
final class DirectFloats {
  private DirectFloats() {}

  static FloatBuffer allocate(int size) {
    return ByteBuffer.allocateDirect(Math.multiplyExact(size, Float.BYTES))
        .order(ByteOrder.nativeOrder())
        .asFloatBuffer();
  }
}
