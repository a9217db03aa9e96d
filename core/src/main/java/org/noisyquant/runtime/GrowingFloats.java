package org.noisyquant.runtime;

import java.nio.FloatBuffer;

/** An off-heap buffer that is replaced by a larger one where it is too small. Mutable. */
final class GrowingFloats {
  private FloatBuffer buffer = DirectFloats.allocate(0);

  /** The buffer, with room for this many values; what it held before is lost where it grows. */
  FloatBuffer atLeast(int size) {
    if (buffer.capacity() < size) {
      buffer = DirectFloats.allocate(size);
    }
    return buffer;
  }
}
