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

  private static final int OPSET = 13;
  private static final int IR_VERSION = 7;

  private SquaredProductModel() {}

  /** The serialized model. */
  public static byte[] bytes() {
    OnnxMl.GraphProto graph =
        OnnxMl.GraphProto.newBuilder()
            .setName("squared_product")
            .addInput(floatTensor(LEFT, "rows", "inner"))
            .addInput(floatTensor(RIGHT, "inner", "outputs"))
            .addOutput(floatTensor(RESULT, "rows"))
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
                            .setI(0)))
            .build();
    return OnnxMl.ModelProto.newBuilder()
        .setIrVersion(IR_VERSION)
        .setProducerName("noisyquant")
        .addOpsetImport(OnnxMl.OperatorSetIdProto.newBuilder().setVersion(OPSET))
        .setGraph(graph)
        .build()
        .toByteArray();
  }

  private static OnnxMl.ValueInfoProto floatTensor(String name, String... dimensions) {
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
                        .setElemType(OnnxMl.TensorProto.DataType.FLOAT_VALUE)
                        .setShape(shape)))
        .build();
  }
}
