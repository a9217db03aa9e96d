package org.noisyquant.onnx;

import ai.onnx.proto.OnnxMl;

/**
 * A generated ONNX model that multiplies columns of a matrix with all columns from the first of
 * them on: p = A[:, from…to)ᵀ · A[:, from…), for float A [tokens, columns] of any size.
 */
public final class TokenProductsModel {
  /** Name of the input A. */
  public static final String ROWS = "a";

  /** Name of the input {@code from}, int64 [1]. */
  public static final String FROM = "from";

  /** Name of the input {@code to}, int64 [1]. */
  public static final String TO = "to";

  /** Name of the output p [to − from, columns − from]. */
  public static final String RESULT = "p";

  private static final int OPSET = 13;
  private static final int IR_VERSION = 7;
  private static final String END = "end";
  private static final String AXES = "axes";

  private TokenProductsModel() {}

  /** The serialized model. */
  public static byte[] bytes() {
    OnnxMl.GraphProto graph =
        OnnxMl.GraphProto.newBuilder()
            .setName("token_products")
            .addInput(tensor(ROWS, OnnxMl.TensorProto.DataType.FLOAT, "tokens", "columns"))
            .addInput(tensor(FROM, OnnxMl.TensorProto.DataType.INT64, "one"))
            .addInput(tensor(TO, OnnxMl.TensorProto.DataType.INT64, "one"))
            .addOutput(tensor(RESULT, OnnxMl.TensorProto.DataType.FLOAT, "left", "right"))
            .addInitializer(constant(END, Integer.MAX_VALUE))
            .addInitializer(constant(AXES, 1))
            .addNode(node("Slice", "left", ROWS, FROM, TO, AXES))
            .addNode(node("Slice", "right", ROWS, FROM, END, AXES))
            .addNode(node("Gemm", RESULT, "left", "right").addAttribute(integer("transA", 1)))
            .build();
    return OnnxMl.ModelProto.newBuilder()
        .setIrVersion(IR_VERSION)
        .setProducerName("noisyquant")
        .addOpsetImport(OnnxMl.OperatorSetIdProto.newBuilder().setVersion(OPSET))
        .setGraph(graph)
        .build()
        .toByteArray();
  }

  private static OnnxMl.NodeProto.Builder node(String operator, String output, String... inputs) {
    OnnxMl.NodeProto.Builder node =
        OnnxMl.NodeProto.newBuilder().setOpType(operator).addOutput(output);
    for (String input : inputs) {
      node.addInput(input);
    }
    return node;
  }

  private static OnnxMl.AttributeProto integer(String name, long value) {
    return OnnxMl.AttributeProto.newBuilder()
        .setName(name)
        .setType(OnnxMl.AttributeProto.AttributeType.INT)
        .setI(value)
        .build();
  }

  private static OnnxMl.TensorProto constant(String name, long value) {
    return OnnxMl.TensorProto.newBuilder()
        .setName(name)
        .setDataType(OnnxMl.TensorProto.DataType.INT64_VALUE)
        .addDims(1)
        .addInt64Data(value)
        .build();
  }

  private static OnnxMl.ValueInfoProto tensor(
      String name, OnnxMl.TensorProto.DataType type, String... dimensions) {
    OnnxMl.TensorShapeProto.Builder shape = OnnxMl.TensorShapeProto.newBuilder();
    for (String dimension : dimensions) {
      shape.addDim(OnnxMl.TensorShapeProto.Dimension.newBuilder().setDimParam(dimension));
    }
    return OnnxMl.ValueInfoProto.newBuilder()
        .setName(name)
        .setType(
            OnnxMl.TypeProto.newBuilder()
                .setTensorType(
                    OnnxMl.TypeProto.Tensor.newBuilder()
                        .setElemType(type.getNumber())
                        .setShape(shape)))
        .build();
  }
}
