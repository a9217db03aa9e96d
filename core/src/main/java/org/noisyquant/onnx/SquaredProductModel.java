package org.noisyquant.onnx;

import ai.onnx.proto.OnnxMl;

/**
 * A generated ONNX model that gives the squared norm of each row of a matrix product: r = Σ_o
 * (A·B)² for A [rows, inner], B [inner, outputs], r [rows], all float and of any size.
 */
public final class SquaredProductModel {
  /** Name of the input A. */
  public static final String LEFT = "a";

  /** Name of the input B. */
  public static final String RIGHT = "b";

  /** Name of the output r. */
  public static final String RESULT = "r";

  private SquaredProductModel() {}

  /** The serialized model. */
  public static byte[] bytes() {
    OnnxMl.GraphProto.Builder graph =
        OnnxMl.GraphProto.newBuilder()
            .setName("squared_product")
            .addInput(
                GeneratedModel.tensor(LEFT, OnnxMl.TensorProto.DataType.FLOAT, "rows", "inner"))
            .addInput(
                GeneratedModel.tensor(RIGHT, OnnxMl.TensorProto.DataType.FLOAT, "inner", "outputs"))
            .addOutput(GeneratedModel.tensor(RESULT, OnnxMl.TensorProto.DataType.FLOAT, "rows"))
            .addNode(
                OnnxMl.NodeProto.newBuilder()
                    .setOpType("MatMul")
                    .addInput(LEFT)
                    .addInput(RIGHT)
                    .addOutput("product"))
            .addNode(
                OnnxMl.NodeProto.newBuilder()
                    .setOpType("ReduceSumSquare")
                    .addInput("product")
                    .addOutput(RESULT)
                    .addAttribute(
                        OnnxMl.AttributeProto.newBuilder()
                            .setName("axes")
                            .setType(OnnxMl.AttributeProto.AttributeType.INTS)
                            .addInts(1))
                    .addAttribute(
                        OnnxMl.AttributeProto.newBuilder()
                            .setName("keepdims")
                            .setType(OnnxMl.AttributeProto.AttributeType.INT)
                            .setI(0)));
    return GeneratedModel.bytes(graph);
  }
}
