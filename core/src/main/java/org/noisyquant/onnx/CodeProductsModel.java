package org.noisyquant.onnx;

import ai.onnx.proto.OnnxMl;
import com.google.protobuf.ByteString;

/**
 * A generated ONNX model that multiplies columns of an integer matrix with all columns from the
 * first of them on: p = A[:, from…to)ᵀ · A[:, from…), exactly. A [tokens, columns] is given twice,
 * for ONNX Runtime's fast integer kernels want a left side without a sign: as A + 128, and as it is
 * or, where the processor's kernel for signed right sides saturates, as A + 128 too.
 */
public final class CodeProductsModel {
  /** Name of the input with the columns of the left side + 128, uint8. */
  public static final String LEFT = "a";

  /** Name of the input of the right side. */
  public static final String RIGHT = "b";

  /** Name of the input {@code from}, int64 [1]. */
  public static final String FROM = "from";

  /** Name of the input {@code to}, int64 [1]. */
  public static final String TO = "to";

  /** Name of the output p [to − from, columns − from], int32. */
  public static final String RESULT = "p";

  private static final String END = "end";
  private static final String AXES = "axes";
  private static final String ZERO = "zero";

  private CodeProductsModel() {}

  /**
   * The serialized model.
   *
   * @param signed whether the right side is int8; else uint8, + 128
   */
  public static byte[] bytes(boolean signed) {
    OnnxMl.TensorProto.DataType right =
        signed ? OnnxMl.TensorProto.DataType.INT8 : OnnxMl.TensorProto.DataType.UINT8;
    OnnxMl.NodeProto.Builder product =
        signed
            ? node("MatMulInteger", RESULT, "rows", "some", ZERO)
            : node("MatMulInteger", RESULT, "rows", "some", ZERO, ZERO);
    OnnxMl.GraphProto.Builder graph =
        OnnxMl.GraphProto.newBuilder()
            .setName("code_products")
            .addInput(
                GeneratedModel.tensor(LEFT, OnnxMl.TensorProto.DataType.UINT8, "tokens", "codes"))
            .addInput(GeneratedModel.tensor(RIGHT, right, "tokens", "columns"))
            .addInput(GeneratedModel.tensor(FROM, OnnxMl.TensorProto.DataType.INT64, "one"))
            .addInput(GeneratedModel.tensor(TO, OnnxMl.TensorProto.DataType.INT64, "one"))
            .addOutput(
                GeneratedModel.tensor(RESULT, OnnxMl.TensorProto.DataType.INT32, "left", "right"))
            .addInitializer(constant(END, Integer.MAX_VALUE))
            .addInitializer(constant(AXES, 1))
            .addInitializer(
                OnnxMl.TensorProto.newBuilder()
                    .setName(ZERO)
                    .setDataType(OnnxMl.TensorProto.DataType.UINT8_VALUE)
                    .setRawData(ByteString.copyFrom(new byte[] {(byte) 128})))
            .addNode(node("Slice", "columns", LEFT, FROM, TO, AXES))
            .addNode(node("Transpose", "rows", "columns"))
            .addNode(node("Slice", "some", RIGHT, FROM, END, AXES))
            .addNode(product);
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

  private static OnnxMl.TensorProto constant(String name, long value) {
    return OnnxMl.TensorProto.newBuilder()
        .setName(name)
        .setDataType(OnnxMl.TensorProto.DataType.INT64_VALUE)
        .addDims(1)
        .addInt64Data(value)
        .build();
  }
}
