package org.noisyquant.onnx;

import ai.onnx.proto.OnnxMl.GraphProto;
import ai.onnx.proto.OnnxMl.ModelProto;
import ai.onnx.proto.OnnxMl.StringStringEntryProto;
import ai.onnx.proto.OnnxMl.TensorProto;
import ai.onnx.proto.OnnxMl.TensorProto.DataLocation;
import com.google.protobuf.ByteString;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import org.noisyquant.error.ErrorCode;
import org.noisyquant.error.NoisyQuantException;

/** Loads tensors that a model keeps in files beside it. */
final class ExternalTensors {
  private static final int READ_BYTES = 1 << 20;

  /** Protobuf messages end at 2 GiB; the rest is left for the graph itself. */
  private static final long LIMIT = Integer.MAX_VALUE - (64L << 20);

  private final Path folder;
  private final String where;

  private ExternalTensors(Path folder, String where) {
    this.folder = folder;
    this.where = where;
  }

  static boolean isExternal(TensorProto tensor) {
    return tensor.getDataLocation() == DataLocation.EXTERNAL;
  }

  static boolean anyIn(ModelProto model) {
    return model.getGraph().getInitializerList().stream().anyMatch(ExternalTensors::isExternal);
  }

  /**
   * The same model with its external tensors inside.
   *
   * @param folder where the model's file is, or null when it was not read from a file
   */
  static ModelProto inline(ModelProto model, Path folder, String where) {
    if (folder == null) {
      throw ModelChecks.unsupported(
          where, "its weights are in other files; read it from its own folder");
    }
    ExternalTensors loader = new ExternalTensors(folder, where);
    GraphProto.Builder graph = model.getGraph().toBuilder();
    long total = model.getSerializedSize();
    for (int i = 0; i < graph.getInitializerCount(); i++) {
      TensorProto tensor = graph.getInitializer(i);
      if (isExternal(tensor)) {
        TensorProto loaded = loader.load(tensor, LIMIT - total);
        total += loaded.getRawData().size();
        graph.setInitializer(i, loaded);
      }
    }
    return model.toBuilder().setGraph(graph).build();
  }

  private TensorProto load(TensorProto tensor, long room) {
    String location = "";
    long offset = 0;
    long length = -1;
    try {
      for (StringStringEntryProto entry : tensor.getExternalDataList()) {
        switch (entry.getKey()) {
          case "location" -> location = entry.getValue();
          case "offset" -> offset = Long.parseLong(entry.getValue());
          case "length" -> length = Long.parseLong(entry.getValue());
          default -> {
            // checksum and later additions
          }
        }
      }
    } catch (NumberFormatException e) {
      throw damaged(tensor, "has the place " + tensor.getExternalDataList(), e);
    }
    Path file = resolve(tensor, location);
    try (FileChannel channel = FileChannel.open(file)) {
      long size = length < 0 ? channel.size() - offset : length;
      if (size > room) {
        throw ModelChecks.unsupported(where, "with its weights it is larger than 2 GB");
      }
      if (offset < 0 || size < 0 || offset + size > channel.size()) {
        throw damaged(
            tensor,
            "needs bytes "
                + offset
                + " to "
                + (offset + size)
                + " of "
                + location
                + ", which has "
                + channel.size(),
            null);
      }
      ByteBuffer bytes = ByteBuffer.allocate(Math.toIntExact(size));
      // In pieces: the JDK keeps an off-heap buffer, as large as a read was, for each thread.
      while (bytes.limit(Math.min(bytes.position() + READ_BYTES, bytes.capacity())).hasRemaining()
          && channel.read(bytes, offset + bytes.position()) >= 0) {
        // reads until full or at the end
      }
      bytes.flip();
      return tensor.toBuilder()
          .clearExternalData()
          .clearDataLocation()
          .setRawData(ByteString.copyFrom(bytes))
          .build();
    } catch (IOException e) {
      throw damaged(tensor, "is in the file " + location + ", which cannot be read", e);
    }
  }

  private Path resolve(TensorProto tensor, String location) {
    try {
      Path file = folder.resolve(location).normalize();
      if (location.isEmpty() || !file.startsWith(folder.normalize())) {
        throw damaged(tensor, "is in \"" + location + "\", outside the model's folder", null);
      }
      return file;
    } catch (InvalidPathException e) {
      throw damaged(tensor, "is in \"" + location + "\", which is no path", e);
    }
  }

  private NoisyQuantException damaged(TensorProto tensor, String what, Exception cause) {
    return new NoisyQuantException(
        ErrorCode.MODEL_UNREADABLE,
        "Model "
            + where
            + ": initializer "
            + tensor.getName()
            + " "
            + what
            + ". Put the model's data files beside it.",
        cause);
  }
}
