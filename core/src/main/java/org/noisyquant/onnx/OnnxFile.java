package org.noisyquant.onnx;

import ai.onnx.proto.OnnxMl.GraphProto;
import ai.onnx.proto.OnnxMl.ModelProto;
import ai.onnx.proto.OnnxMl.TensorProto;
import com.google.protobuf.CodedInputStream;
import com.google.protobuf.CodedOutputStream;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.UnsafeByteOperations;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.DigestOutputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Set;
import org.noisyquant.error.NoisyQuantException;

/**
 * An ONNX model as it is stored: one file or, where that would be larger than a file can be, two:
 * the graph, and its large tensors in a data file beside it (ONNX's external data). Immutable. The
 * tensors of two files are not copied: they stay where the model has them, such as mapped files.
 */
public final class OnnxFile {
  /** Largest size of a file with a graph in bytes: protobuf messages end at 2 GiB. */
  public static final long LIMIT = Integer.MAX_VALUE - (1L << 20);

  private static final String CANONICAL_NAME = "model.onnx";
  private static final int BUFFER = 1 << 20;

  private final byte[] whole;
  private final ModelProto model;
  private final TensorData data;
  private String digest;
  private String dataDigest;

  private OnnxFile(byte[] whole, ModelProto model, TensorData data) {
    this.whole = whole;
    this.model = model;
    this.data = data;
  }

  /** A file in one piece, of whatever content. */
  public static OnnxFile of(byte[] file) {
    return new OnnxFile(file.clone(), null, null);
  }

  /** The same without a copy, of bytes that do not change any more. */
  static OnnxFile wrap(byte[] file) {
    return new OnnxFile(file, null, null);
  }

  /**
   * A model whose tensors are all inside.
   *
   * @param limit size in bytes from which on its large tensors are in a data file
   */
  static OnnxFile of(ModelProto model, long limit) {
    return size(model) <= limit
        ? wrap(model.toByteArray())
        : new OnnxFile(null, model, TensorData.of(model.getGraph()));
  }

  /**
   * A model whose tensors may be in files beside it; read again, these are in one data file, or
   * inside if there is room.
   *
   * @param file the file with the graph; anything else is taken as it is
   * @param where how to call it in error messages
   * @param folder where its data files are
   * @throws NoisyQuantException MODEL_UNREADABLE if these are missing or damaged
   */
  public static OnnxFile of(byte[] file, String where, Path folder) {
    try {
      ModelProto parsed = parse(file);
      return ExternalTensors.anyIn(parsed)
          ? of(ExternalTensors.inline(parsed, folder, where), LIMIT)
          : of(file);
    } catch (InvalidProtocolBufferException e) {
      return of(file);
    }
  }

  /**
   * The data files of a model: paths relative to its own, none of which leads out of its folder.
   *
   * @param file the file with the graph; anything else has none
   * @param where how to call it in error messages
   * @throws NoisyQuantException MODEL_UNREADABLE if one is elsewhere
   */
  public static Set<String> dataFiles(byte[] file, String where) {
    try {
      return ExternalTensors.files(parse(file), where);
    } catch (InvalidProtocolBufferException e) {
      return Set.of();
    }
  }

  /** The name of the data file that belongs to a file of this name. */
  public static String dataName(String name) {
    return name + ".data";
  }

  /** The message, which shares the memory of these bytes. */
  static ModelProto parse(byte[] file) throws InvalidProtocolBufferException {
    try {
      CodedInputStream in = UnsafeByteOperations.unsafeWrap(file).newCodedInput();
      in.enableAliasing(true);
      ModelProto parsed = ModelProto.parseFrom(in);
      in.checkLastTagWas(0);
      return parsed;
    } catch (InvalidProtocolBufferException e) {
      throw e;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Serialized bytes of a model that may be larger than one message can be. */
  private static long size(ModelProto model) {
    GraphProto graph = model.getGraph();
    long size =
        model.toBuilder()
            .setGraph(graph.toBuilder().clearInitializer())
            .build()
            .getSerializedSize();
    for (TensorProto tensor : graph.getInitializerList()) {
      size += CodedOutputStream.computeMessageSize(GraphProto.INITIALIZER_FIELD_NUMBER, tensor);
    }
    return size;
  }

  /** The model with all tensors inside. */
  ModelProto model() throws InvalidProtocolBufferException {
    return hasData() ? model : parse(whole);
  }

  /** Whether there is a data file. */
  public boolean hasData() {
    return data != null;
  }

  /**
   * The file, where it is one.
   *
   * @throws IllegalStateException if there is a data file
   */
  public byte[] bytes() {
    if (hasData()) {
      throw new IllegalStateException("a model with a data file is not one file");
    }
    return whole.clone();
  }

  /**
   * The file with the graph.
   *
   * @param dataName path of the data file, relative to this file's folder
   */
  public byte[] graph(String dataName) {
    return hasData()
        ? model.toBuilder().setGraph(data.graph(dataName)).build().toByteArray()
        : whole.clone();
  }

  /** Writes the content of the data file, if there is one. */
  public void writeData(OutputStream out) throws IOException {
    if (hasData()) {
      data.writeTo(out);
    }
  }

  /** Writes the file, and beside it the data file, if there is one. */
  public void write(Path file) throws IOException {
    String dataName = dataName(file.getFileName().toString());
    if (hasData()) {
      try (OutputStream out =
          new BufferedOutputStream(Files.newOutputStream(file.resolveSibling(dataName)), BUFFER)) {
        writeData(out);
      }
    }
    Files.write(file, hasData() ? graph(dataName) : whole);
  }

  /** Bytes of both files together. */
  public long size() {
    return hasData() ? graph(dataName(CANONICAL_NAME)).length + data.size() : whole.length;
  }

  /**
   * SHA-256 in hexadecimal, of the file; with a data file, of the graph that belongs to {@code
   * model.onnx.data}, followed by the SHA-256 of the data.
   */
  public synchronized String sha256() {
    if (digest == null) {
      MessageDigest sha256 = sha256Digest();
      sha256.update(hasData() ? graph(dataName(CANONICAL_NAME)) : whole);
      if (hasData()) {
        sha256.update(HexFormat.of().parseHex(dataDigest()));
      }
      digest = HexFormat.of().formatHex(sha256.digest());
    }
    return digest;
  }

  /**
   * SHA-256 of the data file in hexadecimal.
   *
   * @throws IllegalStateException if there is none
   */
  public synchronized String dataDigest() {
    if (!hasData()) {
      throw new IllegalStateException("a model in one piece has no data file");
    }
    if (dataDigest == null) {
      MessageDigest sha256 = sha256Digest();
      try (OutputStream out = new DigestOutputStream(OutputStream.nullOutputStream(), sha256)) {
        writeData(out);
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
      dataDigest = HexFormat.of().formatHex(sha256.digest());
    }
    return dataDigest;
  }

  private static MessageDigest sha256Digest() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java platform has SHA-256", e);
    }
  }
}
