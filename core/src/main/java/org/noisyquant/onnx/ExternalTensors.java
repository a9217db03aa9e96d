package org.noisyquant.onnx;

import ai.onnx.proto.OnnxMl.GraphProto;
import ai.onnx.proto.OnnxMl.ModelProto;
import ai.onnx.proto.OnnxMl.StringStringEntryProto;
import ai.onnx.proto.OnnxMl.TensorProto;
import ai.onnx.proto.OnnxMl.TensorProto.DataLocation;
import com.google.protobuf.UnsafeByteOperations;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.Set;
import java.util.TreeSet;
import org.noisyquant.error.ErrorCode;
import org.noisyquant.error.NoisyQuantException;

/**
 * Reads tensors that a model keeps in files beside it. The files are mapped into memory, which
 * takes none of the heap; they may be deleted, but not changed, as long as the model is used.
 */
final class ExternalTensors {
  /** Stands for the model's folder where only paths in it are of interest. */
  private static final Path ANY_FOLDER = Path.of("/model");

  private final Path folder;
  private final String where;

  private ExternalTensors(Path folder, String where) {
    this.folder = folder;
    this.where = where;
  }

  /** Where the bytes of a tensor are: from offset on, to the end of the file if length is -1. */
  private record Place(String location, long offset, long length) {}

  static boolean isExternal(TensorProto tensor) {
    return tensor.getDataLocation() == DataLocation.EXTERNAL;
  }

  static boolean anyIn(ModelProto model) {
    return model.getGraph().getInitializerList().stream().anyMatch(ExternalTensors::isExternal);
  }

  /** The files of a model's external tensors, relative to its folder. */
  static Set<String> files(ModelProto model, String where) {
    ExternalTensors tensors = new ExternalTensors(ANY_FOLDER, where);
    Set<String> files = new TreeSet<>();
    for (TensorProto tensor : model.getGraph().getInitializerList()) {
      if (isExternal(tensor)) {
        Path file = tensors.resolve(tensor, tensors.place(tensor).location());
        files.add(ANY_FOLDER.relativize(file).toString());
      }
    }
    return files;
  }

  /**
   * The same model with its external tensors inside. It may be too large to be serialized.
   *
   * @param folder where the model's file is, or null when it was not read from a file
   */
  static ModelProto inline(ModelProto model, Path folder, String where) {
    if (folder == null) {
      throw ModelChecks.unsupported(
          where, "its weights are in other files; read it from its own folder");
    }
    ExternalTensors tensors = new ExternalTensors(folder, where);
    GraphProto.Builder graph = model.getGraph().toBuilder();
    for (int i = 0; i < graph.getInitializerCount(); i++) {
      if (isExternal(graph.getInitializer(i))) {
        graph.setInitializer(i, tensors.load(graph.getInitializer(i)));
      }
    }
    return model.toBuilder().setGraph(graph).build();
  }

  private Place place(TensorProto tensor) {
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
    return new Place(location, offset, length);
  }

  private TensorProto load(TensorProto tensor) {
    Place place = place(tensor);
    Path file = resolve(tensor, place.location());
    try (FileChannel channel = FileChannel.open(file)) {
      long available = channel.size() - place.offset();
      long size = place.length() < 0 ? available : place.length();
      if (place.offset() < 0 || size < 0 || size > available) {
        throw damaged(
            tensor,
            "needs "
                + size
                + " bytes from "
                + place.offset()
                + " on of "
                + place.location()
                + ", which has "
                + channel.size(),
            null);
      }
      if (size > OnnxFile.LIMIT) {
        throw ModelChecks.unsupported(
            where,
            "initializer " + tensor.getName() + " has " + size + " bytes, more than 2 GB in one");
      }
      return tensor.toBuilder()
          .clearExternalData()
          .clearDataLocation()
          .setRawData(
              UnsafeByteOperations.unsafeWrap(channel.map(MapMode.READ_ONLY, place.offset(), size)))
          .build();
    } catch (IOException e) {
      throw damaged(tensor, "is in the file " + place.location() + ", which cannot be read", e);
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
        "model "
            + where
            + ": initializer "
            + tensor.getName()
            + " "
            + what
            + ". Put the model's data files beside it.",
        cause);
  }
}
