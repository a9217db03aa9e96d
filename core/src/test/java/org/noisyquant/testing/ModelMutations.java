package org.noisyquant.testing;

import ai.onnx.proto.OnnxMl.AttributeProto;
import ai.onnx.proto.OnnxMl.GraphProto;
import ai.onnx.proto.OnnxMl.ModelProto;
import ai.onnx.proto.OnnxMl.NodeProto;
import ai.onnx.proto.OnnxMl.StringStringEntryProto;
import ai.onnx.proto.OnnxMl.TensorProto;
import ai.onnx.proto.OnnxMl.TensorProto.DataLocation;
import ai.onnx.proto.OnnxMl.TensorProto.DataType;
import ai.onnx.proto.OnnxMl.TensorShapeProto.Dimension;
import ai.onnx.proto.OnnxMl.ValueInfoProto;
import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.List;
import java.util.Random;

/** ONNX files with one thing wrong: bytes that went bad, and graphs that nobody exports. */
public final class ModelMutations {
  private static final int STRUCTURE_BYTES = 20_000;
  private static final long[] NUMBERS = {
    0,
    1,
    -1,
    2,
    3,
    -2,
    7,
    64,
    1 << 16,
    Integer.MAX_VALUE,
    Integer.MIN_VALUE,
    1L << 40,
    Long.MAX_VALUE,
    Long.MIN_VALUE
  };
  private static final float[] FLOATS = {
    0f, -0f, 1f, -1f, Float.NaN, Float.POSITIVE_INFINITY, Float.MAX_VALUE, Float.MIN_VALUE, 1e20f
  };
  private static final List<String> OPERATORS =
      List.of(
          "MatMul",
          "Gemm",
          "Add",
          "Mul",
          "Div",
          "Sub",
          "Pow",
          "Sqrt",
          "Erf",
          "Tanh",
          "Softmax",
          "LayerNormalization",
          "ReduceMean",
          "Reshape",
          "Transpose",
          "Identity",
          "Cast",
          "Concat",
          "Slice",
          "Split",
          "Gather",
          "GatherElements",
          "ScatterND",
          "Expand",
          "Tile",
          "Shape",
          "ConstantOfShape",
          "Constant",
          "Conv",
          "ConvTranspose",
          "MaxPool",
          "GlobalAveragePool",
          "Pad",
          "Resize",
          "Squeeze",
          "Unsqueeze",
          "Flatten",
          "Where",
          "TopK",
          "NonZero",
          "NonMaxSuppression",
          "Loop",
          "If",
          "Scan",
          "SequenceConstruct",
          "SplitToSequence",
          "RandomNormal",
          "QuantizeLinear",
          "DequantizeLinear",
          "LSTM",
          "Einsum",
          "CumSum",
          "OneHot",
          "RoiAlign",
          "DepthToSpace",
          "BatchNormalization",
          "NoSuchOperator",
          "");

  private final byte[] model;
  private final Random random;

  private ModelMutations(byte[] model, Random random) {
    this.model = model;
    this.random = random;
  }

  /** The model with one mutation, and what it was. */
  @SuppressWarnings("ArrayRecordComponent") // Never compared.
  public record Mutant(String what, byte[] bytes) {}

  /** Draws one mutation of a whole model. */
  public static Mutant of(byte[] model, Random random) {
    return new ModelMutations(model, random).mutate();
  }

  private Mutant mutate() {
    int kind = random.nextInt(18);
    return switch (kind) {
      case 0 -> new Mutant("flipped bits", flipped(Math.min(STRUCTURE_BYTES, model.length)));
      case 1 -> new Mutant("flipped bits of weights", flipped(model.length));
      case 2 -> new Mutant("cut short", Arrays.copyOf(model, random.nextInt(model.length)));
      case 3 -> new Mutant("bytes left out", spliced(1 + random.nextInt(64), 0));
      case 4 -> new Mutant("bytes put in", spliced(0, 1 + random.nextInt(64)));
      case 5 -> new Mutant("bytes written over", spliced(16, 16));
      default -> graph(kind);
    };
  }

  private byte[] flipped(int end) {
    byte[] bytes = model.clone();
    for (int flips = 1 + random.nextInt(4); flips > 0; flips--) {
      bytes[random.nextInt(end)] ^= (byte) (1 << random.nextInt(8));
    }
    return bytes;
  }

  private byte[] spliced(int out, int in) {
    int at = random.nextInt(Math.min(STRUCTURE_BYTES, model.length) - out);
    byte[] more = new byte[in];
    random.nextBytes(more);
    return ByteBuffer.allocate(model.length - out + in)
        .put(model, 0, at)
        .put(more)
        .put(model, at + out, model.length - at - out)
        .array();
  }

  private Mutant graph(int kind) {
    ModelProto.Builder mutant;
    try {
      mutant = ModelProto.parseFrom(model).toBuilder();
    } catch (InvalidProtocolBufferException e) {
      throw new IllegalArgumentException(e);
    }
    GraphProto.Builder graph = mutant.getGraphBuilder();
    int position = random.nextInt(graph.getNodeCount());
    NodeProto.Builder node = graph.getNodeBuilder(position);
    String what =
        switch (kind) {
          case 6 -> {
            graph.removeNode(position);
            yield "node left out";
          }
          case 7 -> {
            int other = random.nextInt(graph.getNodeCount());
            NodeProto moved = graph.getNode(other);
            graph.setNode(other, graph.getNode(position)).setNode(position, moved);
            yield "nodes swapped";
          }
          case 8 -> {
            if (node.getInputCount() > 0) {
              node.setInput(random.nextInt(node.getInputCount()), tensor(graph));
            }
            yield "other input";
          }
          case 9 -> {
            node.setOpType(OPERATORS.get(random.nextInt(OPERATORS.size())));
            yield "other operator " + node.getOpType();
          }
          case 10 -> {
            attribute(node);
            yield "other attribute of " + node.getOpType();
          }
          case 11 -> {
            initializer(graph).setDataType(random.nextInt(24));
            yield "other type";
          }
          case 12 -> {
            TensorProto.Builder tensor = initializer(graph);
            if (tensor.getDimsCount() > 0) {
              tensor.setDims(random.nextInt(tensor.getDimsCount()), number());
            } else {
              tensor.addDims(number());
            }
            yield "other shape";
          }
          case 13 -> {
            values(graph);
            yield "other numbers";
          }
          case 14 -> {
            graph.removeInitializer(random.nextInt(graph.getInitializerCount()));
            yield "weights left out";
          }
          case 15 -> {
            interfaces(graph);
            yield "other input or output";
          }
          case 16 -> {
            if (random.nextBoolean()) {
              mutant.getOpsetImportBuilder(0).setVersion(number());
            } else {
              mutant.setIrVersion(number());
            }
            yield "other version";
          }
          default -> {
            external(initializer(graph));
            yield "weights elsewhere";
          }
        };
    return new Mutant(what, mutant.build().toByteArray());
  }

  private long number() {
    return NUMBERS[random.nextInt(NUMBERS.length)];
  }

  private float decimal() {
    return FLOATS[random.nextInt(FLOATS.length)];
  }

  /** The name of any tensor. */
  private String tensor(GraphProto.Builder graph) {
    if (random.nextBoolean()) {
      return initializer(graph).getName();
    }
    NodeProto node = graph.getNode(random.nextInt(graph.getNodeCount()));
    return node.getOutput(random.nextInt(node.getOutputCount()));
  }

  private TensorProto.Builder initializer(GraphProto.Builder graph) {
    return graph.getInitializerBuilder(random.nextInt(graph.getInitializerCount()));
  }

  private void attribute(NodeProto.Builder node) {
    if (node.getAttributeCount() == 0) {
      node.addAttribute(
          AttributeProto.newBuilder()
              .setName("axis")
              .setType(AttributeProto.AttributeType.INT)
              .setI(number()));
      return;
    }
    AttributeProto.Builder attribute =
        node.getAttributeBuilder(random.nextInt(node.getAttributeCount()));
    if (attribute.getIntsCount() > 0 && random.nextBoolean()) {
      attribute.setInts(random.nextInt(attribute.getIntsCount()), number());
    } else if (attribute.getIntsCount() > 0) {
      attribute.addInts(number());
    } else if (attribute.hasF()) {
      attribute.setF(decimal());
    } else if (attribute.hasI()) {
      attribute.setI(number());
    } else {
      attribute.setName("other");
    }
  }

  private void values(GraphProto.Builder graph) {
    TensorProto.Builder tensor = initializer(graph);
    boolean wanted = random.nextBoolean();
    for (int tries = 0; tries < 50; tries++) {
      if ((tensor.getDataType() == DataType.INT64_VALUE) == wanted && tensor.hasRawData()) {
        break;
      }
      tensor = initializer(graph);
    }
    ByteBuffer raw =
        ByteBuffer.wrap(tensor.getRawData().toByteArray()).order(ByteOrder.LITTLE_ENDIAN);
    boolean integers = tensor.getDataType() == DataType.INT64_VALUE;
    int width = integers ? Long.BYTES : Float.BYTES;
    if (raw.capacity() >= width) {
      int at = random.nextInt(raw.capacity() / width) * width;
      if (integers) {
        raw.putLong(at, number());
      } else {
        raw.putFloat(at, decimal());
      }
      tensor.setRawData(ByteString.copyFrom(raw));
    }
  }

  private void interfaces(GraphProto.Builder graph) {
    ValueInfoProto.Builder value =
        random.nextBoolean() ? graph.getInputBuilder(0) : graph.getOutputBuilder(0);
    var type = value.getTypeBuilder().getTensorTypeBuilder();
    switch (random.nextInt(4)) {
      case 0 -> type.setElemType(random.nextInt(24));
      case 1 -> value.setName(tensor(graph));
      case 2 -> type.getShapeBuilder().addDim(Dimension.newBuilder().setDimValue(number()));
      default -> {
        if (type.getShape().getDimCount() > 0) {
          type.getShapeBuilder()
              .getDimBuilder(random.nextInt(type.getShape().getDimCount()))
              .setDimValue(number());
        }
      }
    }
  }

  private void external(TensorProto.Builder tensor) {
    List<String> places =
        List.of("../../../../etc/passwd", "/etc/passwd", "weights.bin", "", "\0", "..", ".");
    tensor
        .setDataLocation(DataLocation.EXTERNAL)
        .clearRawData()
        .addExternalData(entry("location", places.get(random.nextInt(places.size()))))
        .addExternalData(entry("offset", Long.toString(number())))
        .addExternalData(entry("length", Long.toString(number())));
  }

  private static StringStringEntryProto entry(String key, String value) {
    return StringStringEntryProto.newBuilder().setKey(key).setValue(value).build();
  }
}
