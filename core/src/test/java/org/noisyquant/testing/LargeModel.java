package org.noisyquant.testing;

import ai.onnx.proto.OnnxMl.ModelProto;
import ai.onnx.proto.OnnxMl.StringStringEntryProto;
import ai.onnx.proto.OnnxMl.TensorProto;
import ai.onnx.proto.OnnxMl.TensorProto.DataLocation;
import ai.onnx.proto.OnnxMl.TensorProto.DataType;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;

/**
 * A vision transformer of any size with random weights, written piece by piece: 28x28 pixels in
 * four patches, one head of attention, width 2048, 201 MB of weights a block in a data file beside
 * it.
 */
public final class LargeModel {
  private static final int WIDTH = 2048;
  private static final int HIDDEN = 4 * WIDTH;
  private static final int CLASSES = 10;

  private final GraphBuilder builder = new GraphBuilder(17);
  private final SplittableRandom random = new SplittableRandom(11);
  private final String dataName;
  private final OutputStream data;
  private long written;

  private LargeModel(String dataName, OutputStream data) {
    this.dataName = dataName;
    this.data = data;
  }

  /** Writes a model: its file and the number of its blocks. */
  public static void main(String... arguments) throws IOException {
    write(Path.of(arguments[0]), Integer.parseInt(arguments[1]));
  }

  /** Writes a model and, beside it, its data file. */
  public static void write(Path file, int blocks) throws IOException {
    String dataName = file.getFileName() + ".data";
    try (OutputStream out =
        new BufferedOutputStream(Files.newOutputStream(file.resolveSibling(dataName)))) {
      Files.write(file, new LargeModel(dataName, out).build(blocks).toByteArray());
    }
  }

  private ModelProto build(int blocks) throws IOException {
    builder.input("pixel_values", DataType.FLOAT, GraphBuilder.ANY, 3, 28, 28);
    weight("patch.weight", 3 * 14 * 14, WIDTH, 3, 14, 14);
    builder
        .node(
            "Conv",
            List.of("pixel_values", "patch.weight"),
            "patches",
            Map.of("strides", new long[] {14, 14}, "kernel_shape", new long[] {14, 14}))
        .integers("token_shape", 0, WIDTH, 4)
        .node("Reshape", List.of("patches", "token_shape"), "rows")
        .node("Transpose", List.of("rows"), "tokens", Map.of("perm", new long[] {0, 2, 1}))
        .floats("attention_scale", new long[0], (float) (1 / Math.sqrt(WIDTH)))
        .floats("half", new long[0], 0.5f)
        .floats("one", new long[0], 1f)
        .floats("root_half", new long[0], (float) Math.sqrt(0.5));
    String x = "tokens";
    for (int block = 0; block < blocks; block++) {
      x = block("blocks." + block, x);
    }
    norm("norm", x);
    builder.node(
        "ReduceMean",
        List.of("norm.out"),
        "pooled",
        Map.of("axes", new long[] {1}, "keepdims", 0L));
    linear("head", "pooled", WIDTH, CLASSES);
    return builder
        .node("Identity", List.of("head.out"), "logits")
        .output("logits", GraphBuilder.ANY, CLASSES)
        .build();
  }

  private String block(String name, String x) throws IOException {
    norm(name + ".norm1", x);
    for (String part : List.of("query", "key", "value")) {
      linear(name + ".attn." + part, name + ".norm1.out", WIDTH, WIDTH);
    }
    String attention = name + ".attn.";
    builder
        .node(
            "Transpose",
            List.of(attention + "key.out"),
            attention + "keys",
            Map.of("perm", new long[] {0, 2, 1}))
        .node("MatMul", List.of(attention + "query.out", attention + "keys"), attention + "raw")
        .node("Mul", List.of(attention + "raw", "attention_scale"), attention + "scores")
        .node("Softmax", List.of(attention + "scores"), attention + "shares", Map.of("axis", -1L))
        .node(
            "MatMul", List.of(attention + "shares", attention + "value.out"), attention + "mixed");
    linear(attention + "proj", attention + "mixed", WIDTH, WIDTH);
    builder.node("Add", List.of(x, attention + "proj.out"), name + ".middle");
    norm(name + ".norm2", name + ".middle");
    linear(name + ".mlp.fc1", name + ".norm2.out", WIDTH, HIDDEN);
    String gelu = name + ".mlp.gelu.";
    builder
        .node("Mul", List.of(name + ".mlp.fc1.out", "root_half"), gelu + "scaled")
        .node("Erf", List.of(gelu + "scaled"), gelu + "erf")
        .node("Add", List.of(gelu + "erf", "one"), gelu + "shifted")
        .node("Mul", List.of(name + ".mlp.fc1.out", gelu + "shifted"), gelu + "twice")
        .node("Mul", List.of(gelu + "twice", "half"), gelu + "out");
    linear(name + ".mlp.fc2", gelu + "out", HIDDEN, WIDTH);
    builder.node("Add", List.of(name + ".middle", name + ".mlp.fc2.out"), name + ".out");
    return name + ".out";
  }

  private void norm(String name, String x) throws IOException {
    tensor(name + ".weight", 1, 0.5f, WIDTH);
    tensor(name + ".bias", 0, 0.5f, WIDTH);
    builder.node(
        "LayerNormalization",
        List.of(x, name + ".weight", name + ".bias"),
        name + ".out",
        Map.of("axis", -1L));
  }

  private void linear(String name, String x, int inputs, int outputs) throws IOException {
    weight(name + ".weight", inputs, inputs, outputs);
    tensor(name + ".bias", 0, 0.1f, outputs);
    builder
        .node("MatMul", List.of(x, name + ".weight"), name + ".product")
        .node("Add", List.of(name + ".product", name + ".bias"), name + ".out");
  }

  /** Values that keep the variance of as many inputs. */
  private void weight(String name, int inputs, long... dims) throws IOException {
    tensor(name, 0, (float) Math.sqrt(3.0 / inputs), dims);
  }

  /** An initializer with values uniform around a centre. */
  private void tensor(String name, float centre, float width, long... dims) throws IOException {
    int count = 1;
    for (long dim : dims) {
      count = Math.multiplyExact(count, Math.toIntExact(dim));
    }
    long length = 4L * count;
    TensorProto.Builder tensor =
        TensorProto.newBuilder()
            .setName(name)
            .setDataType(DataType.FLOAT_VALUE)
            .setDataLocation(DataLocation.EXTERNAL)
            .addExternalData(entry("location", dataName))
            .addExternalData(entry("offset", Long.toString(written)))
            .addExternalData(entry("length", Long.toString(length)));
    for (long dim : dims) {
      tensor.addDims(dim);
    }
    builder.graph().addInitializer(tensor);
    ByteBuffer buffer = ByteBuffer.allocate(1 << 16).order(ByteOrder.LITTLE_ENDIAN);
    for (int i = 0; i < count; i++) {
      buffer.putFloat(centre + width * (2 * (float) random.nextDouble() - 1));
      if (!buffer.hasRemaining() || i == count - 1) {
        data.write(buffer.array(), 0, buffer.position());
        buffer.clear();
      }
    }
    written += length;
  }

  private static StringStringEntryProto entry(String key, String value) {
    return StringStringEntryProto.newBuilder().setKey(key).setValue(value).build();
  }
}
