package org.noisyquant.runtime;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class IdleBuffersTest {
  private final IdleBuffers<Buffers> idle = new IdleBuffers<>();

  /** Knows whether it was closed. */
  private static final class Buffers implements AutoCloseable {
    private boolean closed;

    @Override
    public void close() {
      closed = true;
    }
  }

  @Test
  void thereAreNoneAtTheStart() {
    assertThat(idle.take()).isEmpty();
  }

  @Test
  void whatIsLeftIsTakenOnce() {
    Buffers buffers = new Buffers();
    idle.leave(buffers);

    assertThat(idle.take()).containsSame(buffers);
    assertThat(idle.take()).isEmpty();
  }

  @Test
  void closingClosesWhatIsLeft() {
    Buffers buffers = new Buffers();
    idle.leave(buffers);

    idle.close();

    assertThat(buffers.closed).isTrue();
  }

  @Test
  void whatIsLeftAfterClosingIsClosedAtOnce() {
    Buffers buffers = new Buffers();
    idle.close();

    idle.leave(buffers);

    assertThat(buffers.closed).isTrue();
    assertThat(idle.take()).isEmpty();
  }
}
