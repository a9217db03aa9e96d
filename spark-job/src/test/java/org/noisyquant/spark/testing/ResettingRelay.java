package org.noisyquant.spark.testing;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * A TCP port in front of another one of this machine that resets every connection after some bytes
 * of answers, wherever in an answer that is.
 */
public final class ResettingRelay implements AutoCloseable {
  private static final int BUFFER = 4096;

  private final ServerSocket server;
  private final int target;
  private final int most;
  private final Random random;
  private final AtomicInteger resets = new AtomicInteger();
  private final ExecutorService threads =
      Executors.newCachedThreadPool(
          task -> {
            Thread thread = new Thread(task, "resetting-relay");
            thread.setDaemon(true);
            return thread;
          });

  private ResettingRelay(ServerSocket server, int target, int most, long seed) {
    this.server = server;
    this.target = target;
    this.most = most;
    random = new Random(seed);
  }

  /**
   * Starts a relay on a free port.
   *
   * @param target the port behind it
   * @param most bytes of answers that a connection lives for
   * @param seed of how many each has
   */
  public static ResettingRelay start(int target, int most, long seed) throws IOException {
    ResettingRelay relay =
        new ResettingRelay(
            new ServerSocket(0, 0, InetAddress.getLoopbackAddress()), target, most, seed);
    relay.threads.execute(relay::accept);
    return relay;
  }

  /** Where it listens. */
  public int port() {
    return server.getLocalPort();
  }

  /** Connections that were reset. */
  public int resets() {
    return resets.get();
  }

  @Override
  public void close() throws IOException {
    server.close();
    threads.shutdownNow();
  }

  private void accept() {
    try {
      while (true) {
        Socket client = server.accept();
        Socket service = new Socket(InetAddress.getLoopbackAddress(), target);
        int life = 1 + random.nextInt(most);
        threads.execute(() -> copy(client, service, Integer.MAX_VALUE));
        threads.execute(() -> copy(service, client, life));
      }
    } catch (IOException e) {
      // Closed.
    }
  }

  /** Copies until an end, or until so many bytes have passed: then the receiver sees a reset. */
  private void copy(Socket from, Socket to, int life) {
    try (from;
        to) {
      InputStream in = from.getInputStream();
      OutputStream out = to.getOutputStream();
      byte[] buffer = new byte[BUFFER];
      int left = life;
      for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
        if (n > left) {
          out.write(buffer, 0, left);
          out.flush();
          to.setSoLinger(true, 0);
          resets.incrementAndGet();
          return;
        }
        out.write(buffer, 0, n);
        out.flush();
        left -= life == Integer.MAX_VALUE ? 0 : n;
      }
    } catch (IOException e) {
      // One side is gone: so is the other.
    }
  }
}
