package org.noisyquant.onnx;

import ai.onnx.proto.OnnxMl.GraphProto;
import ai.onnx.proto.OnnxMl.StringStringEntryProto;
import ai.onnx.proto.OnnxMl.TensorProto;
import ai.onnx.proto.OnnxMl.TensorProto.DataLocation;
import com.google.protobuf.ByteString;
import java.io.IOException;
import java.io.OutputStream;

/**
 * A graph whose large tensors are in a data file, one after the other in the order of the
 * initializers, each at a multiple of 4096 bytes so that it can be mapped into memory.
 */
final class TensorData {
  /** Bytes from which on a tensor is in the data file. */
  private static final int SMALLEST = 1024;

  private static final int ALIGNMENT = 4096;

  /** Mapped tensors are copied on their way to a stream. */
  private static final int PIECE = 1 << 20;

  private final GraphProto graph;
  private final long size;

  private TensorData(GraphProto graph) {
    this.graph = graph;
    long end = 0;
    for (TensorProto tensor : graph.getInitializerList()) {
      if (isLarge(tensor)) {
        end = aligned(end) + tensor.getRawData().size();
      }
    }
    this.size = end;
  }

  static TensorData of(GraphProto graph) {
    return new TensorData(graph);
  }

  private static boolean isLarge(TensorProto tensor) {
    return tensor.hasRawData() && tensor.getRawData().size() >= SMALLEST;
  }

  private static long aligned(long offset) {
    return (offset + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  }

  /** Bytes of the data file. */
  long size() {
    return size;
  }

  /** The graph that refers to a data file of this name. */
  GraphProto graph(String location) {
    GraphProto.Builder referring = graph.toBuilder();
    long end = 0;
    for (int i = 0; i < graph.getInitializerCount(); i++) {
      TensorProto tensor = graph.getInitializer(i);
      if (isLarge(tensor)) {
        long length = tensor.getRawData().size();
        long offset = aligned(end);
        end = offset + length;
        referring.setInitializer(
            i,
            tensor.toBuilder()
                .clearRawData()
                .setDataLocation(DataLocation.EXTERNAL)
                .addExternalData(entry("location", location))
                .addExternalData(entry("offset", Long.toString(offset)))
                .addExternalData(entry("length", Long.toString(length))));
      }
    }
    return referring.build();
  }

  private static StringStringEntryProto entry(String key, String value) {
    return StringStringEntryProto.newBuilder().setKey(key).setValue(value).build();
  }

  /** Writes the data file. */
  void writeTo(OutputStream out) throws IOException {
    long end = 0;
    for (TensorProto tensor : graph.getInitializerList()) {
      if (isLarge(tensor)) {
        ByteString bytes = tensor.getRawData();
        out.write(new byte[(int) (aligned(end) - end)]);
        for (int from = 0; from < bytes.size(); from += PIECE) {
          bytes.substring(from, Math.min(bytes.size() - from, PIECE) + from).writeTo(out);
        }
        end = aligned(end) + bytes.size();
      }
    }
  }
}
