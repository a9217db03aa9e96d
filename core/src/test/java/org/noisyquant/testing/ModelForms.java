package org.noisyquant.testing;

import ai.onnx.proto.OnnxMl.AttributeProto;
import ai.onnx.proto.OnnxMl.GraphProto;
import ai.onnx.proto.OnnxMl.ModelProto;
import ai.onnx.proto.OnnxMl.NodeProto;
import ai.onnx.proto.OnnxMl.TensorProto;
import ai.onnx.proto.OnnxMl.TensorProto.DataType;
import com.google.protobuf.ByteString;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.zip.ZipEntry;
import java.util.zip.ZipInputStream;

/**
 * Graphs as the exporters of timm and Hugging Face write them, with random weights. How they were
 * made says {@code src/test/python/export_model_forms.py}.
 */
public final class ModelForms {
  private ModelForms() {}

  /**
   * One export.
   *
   * @param name model, exporter and opset
   * @param onnx the model
   * @param linear linear layers that see something of the image, as PyTorch counts them
   * @param convolutions convolutions, as PyTorch counts them
   */
  @SuppressWarnings("ArrayRecordComponent") // Never compared.
  public record Form(String name, byte[] onnx, int linear, int convolutions) {
    /** The model without exporter and opset. */
    public String model() {
      return name.substring(0, name.indexOf('-'));
    }

    @Override
    public String toString() {
      return name;
    }
  }

  /** All of them. */
  public static List<Form> all() {
    Map<String, byte[]> skeletons = skeletons();
    List<Form> forms = new ArrayList<>();
    for (String line : lines("model-forms.csv").subList(1, lines("model-forms.csv").size())) {
      String[] cells = line.split(",", -1);
      forms.add(
          new Form(
              cells[0],
              withWeights(skeletons.get(cells[0])),
              Integer.parseInt(cells[1]),
              Integer.parseInt(cells[2])));
    }
    return forms;
  }

  private static Map<String, byte[]> skeletons() {
    Map<String, byte[]> skeletons = new HashMap<>();
    try (ZipInputStream zip = new ZipInputStream(open("model-forms.zip"))) {
      for (ZipEntry entry = zip.getNextEntry(); entry != null; entry = zip.getNextEntry()) {
        skeletons.put(entry.getName().replace(".onnx", ""), zip.readAllBytes());
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return skeletons;
  }

  private static List<String> lines(String resource) {
    try (BufferedReader reader =
        new BufferedReader(new InputStreamReader(open(resource), StandardCharsets.UTF_8))) {
      return reader.lines().toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static InputStream open(String resource) {
    InputStream in = ModelForms.class.getResourceAsStream("/" + resource);
    if (in == null) {
      throw new IllegalStateException("no " + resource + " on the test class path");
    }
    return in;
  }

  private static byte[] withWeights(byte[] skeleton) {
    try {
      ModelProto.Builder model = ModelProto.parseFrom(skeleton).toBuilder();
      GraphProto.Builder graph = model.getGraphBuilder();
      Random random = new Random(11);
      graph.getInitializerBuilderList().forEach(tensor -> fill(tensor, random));
      for (NodeProto.Builder node : graph.getNodeBuilderList()) {
        for (AttributeProto.Builder attribute : node.getAttributeBuilderList()) {
          if (attribute.hasT()) {
            fill(attribute.getTBuilder(), random);
          }
        }
      }
      return model.build().toByteArray();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Vectors around ½, matrices such that products keep the size of what they multiply. */
  private static void fill(TensorProto.Builder tensor, Random random) {
    long size = tensor.getDimsList().stream().reduce(1L, (a, b) -> a * b);
    if (tensor.getDataType() != DataType.FLOAT_VALUE
        || size == 0
        || !tensor.getRawData().isEmpty()
        || tensor.getFloatDataCount() > 0) {
      return;
    }
    boolean vector = tensor.getDimsCount() == 1;
    double scale = vector ? 0.2 : 1 / Math.sqrt((double) size / tensor.getDims(0));
    ByteBuffer raw = ByteBuffer.allocate((int) size * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    for (int i = 0; i < size; i++) {
      raw.putFloat((float) ((vector ? 0.5 : 0) + scale * random.nextGaussian()));
    }
    tensor.setRawData(ByteString.copyFrom(raw.flip()));
  }
}
