package org.noisyquant.spark.testing;

import ai.onnx.proto.OnnxMl.AttributeProto;
import ai.onnx.proto.OnnxMl.GraphProto;
import ai.onnx.proto.OnnxMl.ModelProto;
import ai.onnx.proto.OnnxMl.NodeProto;
import ai.onnx.proto.OnnxMl.TensorProto;
import ai.onnx.proto.OnnxMl.TensorProto.DataType;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import javax.imageio.ImageIO;
import org.noisyquant.testing.TestData;

/**
 * A model that ends the process which runs it on some images: one whose upper left pixel is white
 * makes ONNX Runtime divide the least integer by -1, which the processor answers with SIGFPE.
 * Otherwise it computes what the small ViT computes.
 */
public final class DeadlyImages {
  private static final int WHITE = 0xFFFFFF;

  private DeadlyImages() {}

  /** Writes the model. */
  public static Path model(Path file) throws IOException {
    ModelProto model = ModelProto.parseFrom(TestData.fashionBytes("fashion_vit.onnx"));
    GraphProto graph = model.getGraph();
    String image = graph.getInput(0).getName();
    GraphProto.Builder deadly =
        graph.toBuilder()
            .clearNode()
            // (1 - mean) / std of the model's preprocessing: what white becomes.
            .addInitializer(floats("white", (1 - 0.286f) / 0.353f))
            .addInitializer(floats("hundred", 100))
            .addInitializer(floats("nothing", 0))
            .addInitializer(integers("least", DataType.INT32, Integer.MIN_VALUE))
            .addInitializer(integers("one", DataType.INT32, 1))
            .addInitializer(integers("from", DataType.INT64, 0, 0, 0, 0))
            .addInitializer(integers("to", DataType.INT64, 1, 1, 1, 1))
            .addNode(node("Slice", "corner", image, "from", "to"))
            .addNode(node("Sub", "below", "white", "corner"))
            .addNode(node("Mul", "percent", "below", "hundred"))
            .addNode(cast("steps", "percent", DataType.INT32))
            .addNode(node("Sub", "divisor", "steps", "one"))
            .addNode(node("Div", "quotient", "least", "divisor"))
            .addNode(cast("float", "quotient", DataType.FLOAT))
            .addNode(node("Mul", "zero", "float", "nothing"))
            .addNode(node("Add", "watched", image, "zero"));
    for (NodeProto node : graph.getNodeList()) {
      NodeProto.Builder copy = node.toBuilder();
      for (int i = 0; i < node.getInputCount(); i++) {
        if (node.getInput(i).equals(image)) {
          copy.setInput(i, "watched");
        }
      }
      deadly.addNode(copy);
    }
    return Files.write(file, model.toBuilder().setGraph(deadly).build().toByteArray());
  }

  /** Writes an image that the model dies of: another one with a white corner. */
  public static void image(Path file, Path like) throws IOException {
    BufferedImage picture = ImageIO.read(like.toFile());
    BufferedImage deadly =
        new BufferedImage(picture.getWidth(), picture.getHeight(), BufferedImage.TYPE_INT_RGB);
    deadly.getGraphics().drawImage(picture, 0, 0, null);
    deadly.setRGB(0, 0, WHITE);
    ImageIO.write(deadly, "png", file.toFile());
  }

  private static NodeProto node(String operator, String output, String... inputs) {
    return NodeProto.newBuilder()
        .setName(output)
        .setOpType(operator)
        .addAllInput(List.of(inputs))
        .addOutput(output)
        .build();
  }

  private static NodeProto cast(String output, String input, DataType type) {
    return node("Cast", output, input).toBuilder()
        .addAttribute(
            AttributeProto.newBuilder()
                .setName("to")
                .setType(AttributeProto.AttributeType.INT)
                .setI(type.getNumber()))
        .build();
  }

  private static TensorProto floats(String name, float value) {
    return TensorProto.newBuilder()
        .setName(name)
        .setDataType(DataType.FLOAT.getNumber())
        .addFloatData(value)
        .build();
  }

  private static TensorProto integers(String name, DataType type, long... values) {
    TensorProto.Builder tensor =
        TensorProto.newBuilder().setName(name).setDataType(type.getNumber());
    if (type == DataType.INT64) {
      tensor.addDims(values.length);
    }
    for (long value : values) {
      if (type == DataType.INT64) {
        tensor.addInt64Data(value);
      } else {
        tensor.addInt32Data(Math.toIntExact(value));
      }
    }
    return tensor.build();
  }
}
