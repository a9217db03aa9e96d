package org.noisyquant.bench;

import ai.onnx.proto.OnnxMl.TensorProto;
import ai.onnx.proto.OnnxMl.TensorProto.DataType;
import com.google.protobuf.ByteString;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.noisyquant.testing.GraphBuilder;

/**
 * Writes a vision transformer of any size with random weights, for measurements that depend on the
 * size only: RandomVit OUTPUT.onnx WIDTH DEPTH HEADS. Input [batch, 3, 224, 224], patches of 16
 * pixels, one class token, 1000 classes; a preprocessor_config.json beside it. Weights are normal
 * with deviation 1/√inputs, so that activations keep their size.
 */
public final class RandomVit {
  private static final int IMAGE = 224;
  private static final int PATCH = 16;
  private static final int PATCHES = (IMAGE / PATCH) * (IMAGE / PATCH);
  private static final int CLASSES = 1000;

  private final GraphBuilder graph = new GraphBuilder(17);
  private final Random random = new Random(11);
  private final int width;
  private final int heads;

  private RandomVit(int width, int heads) {
    this.width = width;
    this.heads = heads;
  }

  /** Writes one model. */
  public static void main(String[] arguments) throws IOException {
    Path output = Path.of(arguments[0]);
    int width = Integer.parseInt(arguments[1]);
    byte[] model =
        new RandomVit(width, Integer.parseInt(arguments[3])).model(Integer.parseInt(arguments[2]));
    Files.write(output, model);
    Files.writeString(
        output.resolveSibling("preprocessor_config.json"),
        "{\"size\": {\"height\": 224, \"width\": 224}, \"resample\": 3, \"image_mean\": [0.5, 0.5, 0.5],"
            + " \"image_std\": [0.5, 0.5, 0.5]}");
  }

  private byte[] model(int depth) {
    graph.input("pixel_values", DataType.FLOAT, GraphBuilder.ANY, 3, IMAGE, IMAGE);
    weights("patch.weight", 3 * PATCH * PATCH, width, 3, PATCH, PATCH);
    graph
        .node(
            "Conv",
            List.of("pixel_values", "patch.weight"),
            "patch.conv",
            Map.of("kernel_shape", new long[] {PATCH, PATCH}, "strides", new long[] {PATCH, PATCH}))
        .integers("patch.shape", 0, width, PATCHES)
        .node("Reshape", List.of("patch.conv", "patch.shape"), "patch.flat")
        .node("Transpose", List.of("patch.flat"), "patch.rows", Map.of("perm", order(0, 2, 1)));
    weights("class.token", width, 1, 1, width);
    weights("positions", width, 1, PATCHES + 1, width);
    graph
        .node("Concat", List.of("class.token", "patch.rows"), "tokens", Map.of("axis", 1L))
        .node("Add", List.of("tokens", "positions"), "blocks.0")
        .integers("heads.shape", 0, PATCHES + 1, 3, heads, width / heads)
        .integers("joined.shape", 0, PATCHES + 1, width)
        .floats("scale", new long[0], (float) Math.pow((double) width / heads, -0.5))
        .floats("root", new long[0], (float) Math.sqrt(2))
        .floats("one", new long[0], 1f)
        .floats("half", new long[0], 0.5f)
        .scalar("first", 0)
        .scalar("second", 1)
        .scalar("third", 2);
    for (int i = 0; i < depth; i++) {
      block("blocks." + i, "blocks." + (i + 1));
    }
    norm("blocks." + depth, "norm");
    graph.node("Gather", List.of("norm", "first"), "class", Map.of("axis", 1L));
    linear("class", "logits", width, CLASSES);
    return graph.output("logits", GraphBuilder.ANY, CLASSES).bytes();
  }

  private void block(String in, String out) {
    norm(in, in + ".norm1");
    linear(in + ".norm1", in + ".qkv", width, 3 * width);
    graph
        .node("Reshape", List.of(in + ".qkv", "heads.shape"), in + ".split")
        .node(
            "Transpose",
            List.of(in + ".split"),
            in + ".parts",
            Map.of("perm", order(2, 0, 3, 1, 4)))
        .node("Gather", List.of(in + ".parts", "first"), in + ".q", Map.of("axis", 0L))
        .node("Gather", List.of(in + ".parts", "second"), in + ".k", Map.of("axis", 0L))
        .node("Gather", List.of(in + ".parts", "third"), in + ".v", Map.of("axis", 0L))
        .node("Transpose", List.of(in + ".k"), in + ".kt", Map.of("perm", order(0, 1, 3, 2)))
        .node("MatMul", List.of(in + ".q", in + ".kt"), in + ".product")
        .node("Mul", List.of(in + ".product", "scale"), in + ".scaled")
        .node("Softmax", List.of(in + ".scaled"), in + ".attention", Map.of("axis", -1L))
        .node("MatMul", List.of(in + ".attention", in + ".v"), in + ".values")
        .node("Transpose", List.of(in + ".values"), in + ".back", Map.of("perm", order(0, 2, 1, 3)))
        .node("Reshape", List.of(in + ".back", "joined.shape"), in + ".joined");
    linear(in + ".joined", in + ".proj", width, width);
    graph.node("Add", List.of(in, in + ".proj"), in + ".middle");
    norm(in + ".middle", in + ".norm2");
    linear(in + ".norm2", in + ".fc1", width, 4 * width);
    graph
        .node("Div", List.of(in + ".fc1", "root"), in + ".over")
        .node("Erf", List.of(in + ".over"), in + ".erf")
        .node("Add", List.of(in + ".erf", "one"), in + ".plus")
        .node("Mul", List.of(in + ".fc1", in + ".plus"), in + ".twice")
        .node("Mul", List.of(in + ".twice", "half"), in + ".gelu");
    linear(in + ".gelu", in + ".fc2", 4 * width, width);
    graph.node("Add", List.of(in + ".middle", in + ".fc2"), out);
  }

  private void linear(String in, String out, int inputs, int outputs) {
    weights(out + ".weight", inputs, inputs, outputs);
    weights(out + ".bias", outputs, outputs);
    graph
        .node("MatMul", List.of(in, out + ".weight"), out + ".product0")
        .node("Add", List.of(out + ".product0", out + ".bias"), out);
  }

  private void norm(String in, String out) {
    float[] gamma = new float[width];
    Arrays.fill(gamma, 1f);
    graph
        .floats(out + ".weight", new long[] {width}, gamma)
        .floats(out + ".bias", new long[] {width}, new float[width])
        .node(
            "LayerNormalization",
            List.of(in, out + ".weight", out + ".bias"),
            out,
            Map.of("axis", -1L, "epsilon", 1e-6f));
  }

  /** Normal values of deviation 1/√inputs, as bytes, the way exporters write them. */
  private void weights(String name, int inputs, long... dims) {
    TensorProto.Builder tensor =
        TensorProto.newBuilder().setName(name).setDataType(DataType.FLOAT_VALUE);
    int count = 1;
    for (long dim : dims) {
      tensor.addDims(dim);
      count *= (int) dim;
    }
    ByteBuffer values = ByteBuffer.allocate(Float.BYTES * count).order(ByteOrder.LITTLE_ENDIAN);
    float deviation = (float) (1 / Math.sqrt(inputs));
    for (int i = 0; i < count; i++) {
      values.putFloat((float) random.nextGaussian() * deviation);
    }
    graph.graph().addInitializer(tensor.setRawData(ByteString.copyFrom(values.flip())));
  }

  private static long[] order(long... axes) {
    return axes;
  }
}
