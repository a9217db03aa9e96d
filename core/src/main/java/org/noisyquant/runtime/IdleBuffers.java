package org.noisyquant.runtime;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Optional;

/**
 * Off-heap buffers that the runs of a session have left, for the next ones: there are as many as
 * runs were open at a time. Buffers that were dropped instead would stay until the collector finds
 * their small shells on the heap, and a container could be killed for its memory before. Mutable,
 * thread-safe.
 *
 * @param <T> buffers of one run
 */
final class IdleBuffers<T extends AutoCloseable> {
  private final Deque<T> idle = new ArrayDeque<>();
  private boolean closed;

  /** Buffers that nobody uses, if there are any. */
  synchronized Optional<T> take() {
    return Optional.ofNullable(idle.poll());
  }

  /** Leaves buffers; they must not be used afterwards. */
  synchronized void leave(T buffers) {
    if (closed) {
      close(buffers);
    } else {
      idle.push(buffers);
    }
  }

  /** Closes all that are left, now and later. */
  synchronized void close() {
    closed = true;
    idle.forEach(IdleBuffers::close);
    idle.clear();
  }

  private static void close(AutoCloseable buffers) {
    try {
      buffers.close();
    } catch (Exception e) {
      throw new IllegalStateException("cannot close " + buffers, e);
    }
  }
}
