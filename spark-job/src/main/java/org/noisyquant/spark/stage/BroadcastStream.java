package org.noisyquant.spark.stage;

import java.io.OutputStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.broadcast.Broadcast;

/**
 * Broadcasts what is written to it, in pieces that are small beside any heap: Spark keeps copies of
 * them there, and moves to disk what it has no room for.
 */
final class BroadcastStream extends OutputStream {
  private static final int PIECE = 16 << 20;

  private final JavaSparkContext spark;
  private final List<Broadcast<byte[]>> pieces = new ArrayList<>();
  private byte[] piece = new byte[PIECE];
  private int filled;

  BroadcastStream(JavaSparkContext spark) {
    this.spark = spark;
  }

  @Override
  public void write(int value) {
    write(new byte[] {(byte) value}, 0, 1);
  }

  @Override
  public void write(byte[] bytes, int offset, int length) {
    int written = 0;
    while (written < length) {
      int part = Math.min(length - written, PIECE - filled);
      System.arraycopy(bytes, offset + written, piece, filled, part);
      written += part;
      filled += part;
      if (filled == PIECE) {
        pieces.add(spark.broadcast(piece));
        piece = new byte[PIECE];
        filled = 0;
      }
    }
  }

  /** All that was written, in order. */
  List<Broadcast<byte[]>> finish() {
    if (filled > 0) {
      pieces.add(spark.broadcast(Arrays.copyOf(piece, filled)));
      filled = 0;
    }
    return List.copyOf(pieces);
  }
}
