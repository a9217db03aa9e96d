package org.noisyquant.onnx;

import ai.onnx.proto.OnnxMl.GraphProto;
import ai.onnx.proto.OnnxMl.ModelProto;
import ai.onnx.proto.OnnxMl.StringStringEntryProto;
import ai.onnx.proto.OnnxMl.TensorShapeProto.Dimension;
import ai.onnx.proto.OnnxMl.ValueInfoProto;
import com.google.protobuf.InvalidProtocolBufferException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.noisyquant.error.ErrorCode;
import org.noisyquant.error.NoisyQuantException;
import org.noisyquant.graph.LinearLayer;
import org.noisyquant.graph.ModelGraph;

/**
 * An FP32 ONNX vision transformer: what it is as a {@link ModelGraph}, and its weights. Immutable;
 * the arrays it returns are copies of the caller.
 */
public final class OnnxModel {
  private static final int READ_BYTES = 1 << 20;

  private final ModelProto proto;
  private final OnnxFile file;
  private final long limit;
  private final String where;
  private final ModelGraph graph;
  private final Map<LinearLayer, SiteFinder.Found> layers;

  private OnnxModel(ModelProto proto, OnnxFile file, long limit, String where) {
    this.proto = proto;
    this.file = file;
    this.limit = limit;
    this.where = where;
    ModelChecks.check(proto, where);
    GraphProto graphProto = proto.getGraph();
    ValueInfoProto input = ModelChecks.imageInput(graphProto, where);
    List<ValueInfoProto> logits = ModelChecks.logitsOutputs(graphProto, where);
    GraphIndex index = new GraphIndex(graphProto);
    SiteFinder finder =
        new SiteFinder(
            index, logits.stream().map(ValueInfoProto::getName).collect(Collectors.toSet()));
    this.layers = finder.layers();
    List<Dimension> dims = input.getType().getTensorType().getShape().getDimList();
    this.graph =
        new ModelGraph(
            input.getName(),
            logits.get(0).getName(),
            Math.toIntExact(dims.get(2).getDimValue()),
            Math.toIntExact(dims.get(3).getDimValue()),
            classes(logits.get(0), where),
            finder.sites(),
            finder.skipped());
  }

  /**
   * Reads a model, with the tensors that it keeps in files beside it. These are mapped into memory:
   * the files may be deleted, but not changed, as long as the model is used.
   *
   * @throws NoisyQuantException {@code MODEL_NOT_FOUND}; {@code MODEL_UNREADABLE} for a file that
   *     is no ONNX model, truncated or damaged; {@code MODEL_UNSUPPORTED} for opsets below 13,
   *     models that are quantized, fused or half precision, of more than 2 GB in one file, or
   *     without one image input [batch, 3, height, width] of fixed size and an output [batch,
   *     classes]
   */
  public static OnnxModel read(Path file) {
    return read(file, OnnxFile.LIMIT);
  }

  /**
   * The same with another size from which on it, and what is made from it, has a data file.
   *
   * @param limit in bytes, at most {@link OnnxFile#LIMIT}
   */
  public static OnnxModel read(Path file, long limit) {
    try {
      if (Files.isDirectory(file)) {
        throw notFound(file, "is a folder");
      }
      if (Files.size(file) > Integer.MAX_VALUE - 16) {
        throw ModelChecks.unsupported(
            file.toString(),
            "the file is larger than 2 GB; export it again with its weights in external data");
      }
      return parse(bytes(file), file.toString(), file.toAbsolutePath().getParent(), limit);
    } catch (NoSuchFileException e) {
      throw notFound(file, "does not exist");
    } catch (IOException e) {
      throw new NoisyQuantException(
          ErrorCode.MODEL_UNREADABLE,
          "model " + file + " cannot be read (" + e + "); check model.path and the access to it",
          e);
    }
  }

  /**
   * Parses a model that is in one piece.
   *
   * @param bytes the file
   * @param where how to call it in error messages
   * @throws NoisyQuantException as {@link #read}
   */
  public static OnnxModel parse(byte[] bytes, String where) {
    return parse(bytes.clone(), where, null, OnnxFile.LIMIT);
  }

  /** In pieces: the JDK keeps an off-heap buffer, as large as a read was, for each thread. */
  private static byte[] bytes(Path file) throws IOException {
    byte[] bytes = new byte[(int) Files.size(file)];
    try (InputStream in = Files.newInputStream(file)) {
      int read = 0;
      while (read < bytes.length) {
        int more = in.read(bytes, read, Math.min(READ_BYTES, bytes.length - read));
        if (more < 0) {
          return Arrays.copyOf(bytes, read);
        }
        read += more;
      }
    }
    return bytes;
  }

  /**
   * Parses a model that may have tensors in files beside it.
   *
   * @param bytes the file with the graph
   * @param where how to call it in error messages
   * @param folder where its other files are
   * @throws NoisyQuantException as {@link #read}
   */
  public static OnnxModel parse(byte[] bytes, String where, Path folder) {
    return parse(bytes.clone(), where, folder, OnnxFile.LIMIT);
  }

  /**
   * Parses a model that is there as a file already.
   *
   * @param where how to call it in error messages
   * @throws NoisyQuantException as {@link #read}
   */
  public static OnnxModel of(OnnxFile file, String where) {
    try {
      return new OnnxModel(file.model(), file, OnnxFile.LIMIT, where);
    } catch (InvalidProtocolBufferException e) {
      throw new IllegalArgumentException(where + " is no ONNX model", e);
    }
  }

  private static OnnxModel parse(byte[] bytes, String where, Path folder, long limit) {
    ModelProto proto;
    try {
      proto = OnnxFile.parse(bytes);
    } catch (InvalidProtocolBufferException e) {
      throw new NoisyQuantException(
          ErrorCode.MODEL_UNREADABLE,
          "model "
              + where
              + " cannot be read: its "
              + bytes.length
              + " bytes are no ONNX model, or it was cut short ("
              + e.getMessage()
              + "). Give a complete ONNX file.");
    }
    if (ExternalTensors.anyIn(proto)) {
      ModelProto inlined = ExternalTensors.inline(proto, folder, where);
      return new OnnxModel(inlined, OnnxFile.of(inlined, limit), limit, where);
    }
    OnnxFile file = bytes.length <= limit ? OnnxFile.wrap(bytes) : OnnxFile.of(proto, limit);
    return new OnnxModel(proto, file, limit, where);
  }

  private static NoisyQuantException notFound(Path file, String what) {
    return new NoisyQuantException(
        ErrorCode.MODEL_NOT_FOUND,
        "model " + file + " " + what + ". Give the path of an ONNX file (model.path).");
  }

  private int classes(ValueInfoProto logits, String where) {
    Dimension dim = logits.getType().getTensorType().getShape().getDim(1);
    if (dim.getDimValue() > Integer.MAX_VALUE) {
      throw ModelChecks.unsupported(
          where, "its output " + logits.getName() + " has " + dim.getDimValue() + " classes");
    }
    if (dim.hasDimValue() && dim.getDimValue() > 0) {
      return Math.toIntExact(dim.getDimValue());
    }
    return layers.values().stream()
        .filter(found -> found.nodes().output().equals(logits.getName()))
        .map(found -> found.layer().outputs())
        .findFirst()
        .orElseThrow(
            () ->
                ModelChecks.unsupported(
                    where,
                    "its output "
                        + logits.getName()
                        + " has no fixed number of classes; export it again with one"));
  }

  /** What this model is. */
  public ModelGraph graph() {
    return graph;
  }

  /**
   * Weight W of a layer, [inputs, outputs] row-major, however the model stores it.
   *
   * @throws NoisyQuantException MODEL_UNREADABLE at NaN or infinity
   */
  public float[] weight(LinearLayer layer) {
    return finite(layer, "weight", found(layer).weight().values());
  }

  /**
   * Bias b of a layer, [outputs]; zeros where there is none.
   *
   * @throws NoisyQuantException MODEL_UNREADABLE at NaN or infinity
   */
  public float[] bias(LinearLayer layer) {
    Constant bias = found(layer).bias();
    if (bias == null) {
      return new float[layer.outputs()];
    }
    float[] values = finite(layer, "bias", bias.values());
    if (values.length == layer.outputs()) {
      return values;
    }
    // A Gemm may give one value for all outputs.
    float[] row = new float[layer.outputs()];
    Arrays.fill(row, values[0]);
    return row;
  }

  private float[] finite(LinearLayer layer, String what, float[] values) {
    for (int i = 0; i < values.length; i++) {
      if (!Float.isFinite(values[i])) {
        throw new NoisyQuantException(
            ErrorCode.MODEL_UNREADABLE,
            "model "
                + where
                + ": "
                + what
                + " "
                + i
                + " of layer "
                + layer.name()
                + " is "
                + values[i]
                + ". The file is damaged, or its training diverged.");
      }
    }
    return values;
  }

  /** The nodes that make up a layer. */
  public LayerNodes nodes(LinearLayer layer) {
    return found(layer).nodes();
  }

  private SiteFinder.Found found(LinearLayer layer) {
    SiteFinder.Found found = layers.get(layer);
    if (found == null) {
      throw new IllegalArgumentException(layer + " is no layer of this model");
    }
    return found;
  }

  /** The model as it is stored, with a data file only if it is too large without. */
  public OnnxFile file() {
    return file;
  }

  /** {@link OnnxFile#size} of {@link #file()}. */
  public long size() {
    return file.size();
  }

  /** A model that was made from this one, as it is stored. */
  public OnnxFile fileOf(ModelProto rewritten) {
    return OnnxFile.of(rewritten, limit);
  }

  /** {@link OnnxFile#sha256} of {@link #file()}. */
  public String sha256() {
    return file.sha256();
  }

  /** Its metadata_props in their order. */
  public Map<String, String> metadata() {
    Map<String, String> metadata = new LinkedHashMap<>();
    for (StringStringEntryProto entry : proto.getMetadataPropsList()) {
      metadata.put(entry.getKey(), entry.getValue());
    }
    return metadata;
  }

  /** The model itself, for packages that rewrite it. */
  public ModelProto proto() {
    return proto;
  }
}
