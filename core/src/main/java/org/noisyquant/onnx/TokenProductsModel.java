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

  private static final String END = "end";
  private static final String AXES = "axes";

  private TokenProductsModel() {}

  /** The serialized model. */
  public static byte[] bytes() {
    OnnxMl.GraphProto.Builder graph =
        OnnxMl.GraphProto.newBuilder()
            .setName("token_products")
            .addInput(
                GeneratedModel.tensor(ROWS, OnnxMl.TensorProto.DataType.FLOAT, "tokens", "columns"))
            .addInput(GeneratedModel.tensor(FROM, OnnxMl.TensorProto.DataType.INT64, "one"))
            .addInput(GeneratedModel.tensor(TO, OnnxMl.TensorProto.DataType.INT64, "one"))
            .addOutput(
                GeneratedModel.tensor(RESULT, OnnxMl.TensorProto.DataType.FLOAT, "left", "right"))
            .addInitializer(constant(END, Integer.MAX_VALUE))
            .addInitializer(constant(AXES, 1))
            .addNode(node("Slice", "left", ROWS, FROM, TO, AXES))
            .addNode(node("Slice", "right", ROWS, FROM, END, AXES))
            .addNode(node("Gemm", RESULT, "left", "right").addAttribute(integer("transA", 1)));
    return GeneratedModel.bytes(graph);
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
}
