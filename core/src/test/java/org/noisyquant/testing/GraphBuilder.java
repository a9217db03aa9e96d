package org.noisyquant.testing;

import ai.onnx.proto.OnnxMl.AttributeProto;
import ai.onnx.proto.OnnxMl.AttributeProto.AttributeType;
import ai.onnx.proto.OnnxMl.GraphProto;
import ai.onnx.proto.OnnxMl.ModelProto;
import ai.onnx.proto.OnnxMl.NodeProto;
import ai.onnx.proto.OnnxMl.OperatorSetIdProto;
import ai.onnx.proto.OnnxMl.TensorProto;
import ai.onnx.proto.OnnxMl.TensorProto.DataType;
import ai.onnx.proto.OnnxMl.TensorShapeProto;
import ai.onnx.proto.OnnxMl.TypeProto;
import ai.onnx.proto.OnnxMl.ValueInfoProto;
import java.util.List;
import java.util.Map;
import java.util.Random;

/** Builds small ONNX models for tests. Mutable. */
public final class GraphBuilder {
  /** Stands for a dimension that is not fixed. */
  public static final long ANY = -1;

  private static final long AXES_ARE_INPUTS = 18;

  private final ModelProto.Builder model = ModelProto.newBuilder().setIrVersion(8);
  private final GraphProto.Builder graph = GraphProto.newBuilder().setName("test");
  private final Random random = new Random(7);

  /** An empty graph of this opset. */
  public GraphBuilder(long opset) {
    model.addOpsetImport(OperatorSetIdProto.newBuilder().setVersion(opset));
  }

  /** An image input {@code pixel_values} [any, 3, 4, 4]. */
  public GraphBuilder image() {
    return input("pixel_values", DataType.FLOAT, ANY, 3, 4, 4);
  }

  /** A graph input. */
  public GraphBuilder input(String name, DataType type, long... dims) {
    graph.addInput(value(name, type, dims));
    return this;
  }

  /** A float graph output. */
  public GraphBuilder output(String name, long... dims) {
    graph.addOutput(value(name, DataType.FLOAT, dims));
    return this;
  }

  /** A node with one output. */
  public GraphBuilder node(String operator, List<String> inputs, String output) {
    return node(operator, inputs, output, Map.of());
  }

  /** A node with one output and attributes: Long, Float, long[] or TensorProto. */
  public GraphBuilder node(
      String operator, List<String> inputs, String output, Map<String, Object> attributes) {
    NodeProto.Builder node =
        NodeProto.newBuilder().setOpType(operator).addAllInput(inputs).addOutput(output);
    node.setName("/" + output + "/" + operator);
    attributes.entrySet().stream()
        .sorted(Map.Entry.comparingByKey())
        .forEach(e -> node.addAttribute(attribute(e.getKey(), e.getValue())));
    graph.addNode(node);
    return this;
  }

  /** An initializer with these values. */
  public GraphBuilder floats(String name, long[] dims, float... values) {
    TensorProto.Builder tensor = TensorProto.newBuilder().setName(name);
    tensor.setDataType(DataType.FLOAT_VALUE);
    for (long dim : dims) {
      tensor.addDims(dim);
    }
    for (float value : values) {
      tensor.addFloatData(value);
    }
    graph.addInitializer(tensor);
    return this;
  }

  /** An initializer with normally distributed values, from a fixed seed. */
  public GraphBuilder random(String name, long... dims) {
    int count = 1;
    for (long dim : dims) {
      count *= (int) dim;
    }
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return floats(name, dims, values);
  }

  /** An int64 initializer. */
  public GraphBuilder integers(String name, long... values) {
    graph.addInitializer(integerTensor(values).toBuilder().setName(name));
    return this;
  }

  /** An int64 scalar initializer. */
  public GraphBuilder scalar(String name, long value) {
    graph.addInitializer(integerTensor(value).toBuilder().clearDims().setName(name));
    return this;
  }

  /** An int64 vector, for a Constant node. */
  public static TensorProto integerTensor(long... values) {
    TensorProto.Builder tensor = TensorProto.newBuilder().setDataType(DataType.INT64_VALUE);
    tensor.addDims(values.length);
    for (long value : values) {
      tensor.addInt64Data(value);
    }
    return tensor.build();
  }

  /** The image flattened to tokens {@code x} [batch, 3, 16]: a start for token graphs. */
  public GraphBuilder tokens() {
    return image()
        .integers("token_shape", 0, 3, 16)
        .node("Reshape", List.of("pixel_values", "token_shape"), "x");
  }

  /** Ends with a pooled classifier [16, 5] named {@code head} over this tensor [batch, N, 16]. */
  public GraphBuilder pooledHead(String tensor) {
    if (model.getOpsetImport(0).getVersion() < AXES_ARE_INPUTS) {
      node("ReduceMean", List.of(tensor), "pooled", Map.of("axes", new long[] {1}, "keepdims", 0L));
    } else {
      integers("pooled_axes", 1);
      node("ReduceMean", List.of(tensor, "pooled_axes"), "pooled", Map.of("keepdims", 0L));
    }
    return random("head.weight", 16, 5)
        .random("head.bias", 5)
        .node("Gemm", List.of("pooled", "head.weight", "head.bias"), "logits")
        .output("logits", ANY, 5);
  }

  /** For changes this builder has no word for. */
  public GraphProto.Builder graph() {
    return graph;
  }

  /** For changes this builder has no word for. */
  public ModelProto.Builder model() {
    return model;
  }

  /** The model. */
  public ModelProto build() {
    return model.setGraph(graph).build();
  }

  /** The model as a file. */
  public byte[] bytes() {
    return build().toByteArray();
  }

  private static ValueInfoProto value(String name, DataType type, long... dims) {
    TensorShapeProto.Builder shape = TensorShapeProto.newBuilder();
    for (long dim : dims) {
      TensorShapeProto.Dimension.Builder d = shape.addDimBuilder();
      if (dim == ANY) {
        d.setDimParam("any");
      } else {
        d.setDimValue(dim);
      }
    }
    TypeProto.Tensor tensor =
        TypeProto.Tensor.newBuilder().setElemType(type.getNumber()).setShape(shape).build();
    return ValueInfoProto.newBuilder()
        .setName(name)
        .setType(TypeProto.newBuilder().setTensorType(tensor))
        .build();
  }

  private static AttributeProto attribute(String name, Object value) {
    AttributeProto.Builder attribute = AttributeProto.newBuilder().setName(name);
    if (value instanceof Long number) {
      attribute.setType(AttributeType.INT).setI(number);
    } else if (value instanceof Float number) {
      attribute.setType(AttributeType.FLOAT).setF(number);
    } else if (value instanceof TensorProto tensor) {
      attribute.setType(AttributeType.TENSOR).setT(tensor);
    } else if (value instanceof GraphProto inner) {
      attribute.setType(AttributeType.GRAPH).setG(inner);
    } else if (value instanceof long[] numbers) {
      attribute.setType(AttributeType.INTS);
      for (long number : numbers) {
        attribute.addInts(number);
      }
    } else {
      throw new IllegalArgumentException("attribute " + name + " of " + value.getClass());
    }
    return attribute.build();
  }
}
