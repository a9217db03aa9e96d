package org.noisyquant.spark.stage;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.util.ArrayList;
import java.util.List;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.broadcast.Broadcast;

/**
 * Broadcasts what is written to it, in pieces that fit into an array and into the heap one at a
 * time: Spark moves those that are not in use to disk.
 */
final class BroadcastStream extends OutputStream {
  private static final int PIECE = 64 << 20;

  private final JavaSparkContext spark;
  private final List<Broadcast<byte[]>> pieces = new ArrayList<>();
  private ByteArrayOutputStream piece = new ByteArrayOutputStream();

  BroadcastStream(JavaSparkContext spark) {
    this.spark = spark;
  }

  @Override
  public void write(int value) throws IOException {
    write(new byte[] {(byte) value}, 0, 1);
  }

  @Override
  public void write(byte[] bytes, int offset, int length) {
    int written = 0;
    while (written < length) {
      int part = Math.min(length - written, PIECE - piece.size());
      piece.write(bytes, offset + written, part);
      written += part;
      if (piece.size() == PIECE) {
        broadcast();
      }
    }
  }

  /** All that was written, in order. */
  List<Broadcast<byte[]>> finish() {
    if (piece.size() > 0) {
      broadcast();
    }
    return List.copyOf(pieces);
  }

  private void broadcast() {
    pieces.add(spark.broadcast(piece.toByteArray()));
    piece = new ByteArrayOutputStream();
  }
}
