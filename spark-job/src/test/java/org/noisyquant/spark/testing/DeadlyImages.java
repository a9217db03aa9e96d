package org.noisyquant.spark.testing;

import ai.onnx.proto.OnnxMl.GraphProto;
import ai.onnx.proto.OnnxMl.ModelProto;
import ai.onnx.proto.OnnxMl.NodeProto;
import ai.onnx.proto.OnnxMl.TensorProto.DataType;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import javax.imageio.ImageIO;
import org.noisyquant.testing.GraphBuilder;
import org.noisyquant.testing.TestData;

/**
 * A model that ends the process which runs it on some images: one whose upper left pixel is white
 * makes ONNX Runtime divide the least integer by -1, which the processor answers with SIGFPE.
 * Otherwise it computes what the small ViT computes.
 */
public final class DeadlyImages {
  private static final int WHITE = 0xFFFFFF;

  /** Of the small ViT. */
  private static final int OPSET = 17;

  private DeadlyImages() {}

  /** Writes the model. */
  public static Path model(Path file) throws IOException {
    ModelProto model = ModelProto.parseFrom(TestData.fashionBytes("fashion_vit.onnx"));
    GraphProto graph = model.getGraph();
    String image = graph.getInput(0).getName();
    GraphProto.Builder watch =
        new GraphBuilder(OPSET)
            // (1 - mean) / std of the model's preprocessing: what white becomes.
            .floats("white", new long[0], (1 - 0.286f) / 0.353f)
            .floats("hundred", new long[0], 100)
            .floats("nothing", new long[0], 0)
            .scalar("least", Long.MIN_VALUE)
            .scalar("one", 1)
            .integers("from", 0, 0, 0, 0)
            .integers("to", 1, 1, 1, 1)
            .node("Slice", List.of(image, "from", "to"), "corner")
            .node("Sub", List.of("white", "corner"), "below")
            .node("Mul", List.of("below", "hundred"), "percent")
            .node("Cast", List.of("percent"), "steps", Map.of("to", (long) DataType.INT64_VALUE))
            .node("Sub", List.of("steps", "one"), "divisor")
            .node("Div", List.of("least", "divisor"), "quotient")
            .node("Cast", List.of("quotient"), "float", Map.of("to", (long) DataType.FLOAT_VALUE))
            .node("Mul", List.of("float", "nothing"), "zero")
            .node("Add", List.of(image, "zero"), "watched")
            .graph();
    GraphProto.Builder deadly =
        graph.toBuilder()
            .clearNode()
            .addAllInitializer(watch.getInitializerList())
            .addAllNode(watch.getNodeList());
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
}
