package org.noisyquant.onnx;

import ai.onnx.proto.OnnxMl;

/** What the small models that are made to calculate with have in common. */
final class GeneratedModel {
  private static final int OPSET = 13;
  private static final int IR_VERSION = 7;

  private GeneratedModel() {}

  /** The serialized model of a graph. */
  static byte[] bytes(OnnxMl.GraphProto.Builder graph) {
    return OnnxMl.ModelProto.newBuilder()
        .setIrVersion(IR_VERSION)
        .setProducerName("noisyquant")
        .addOpsetImport(OnnxMl.OperatorSetIdProto.newBuilder().setVersion(OPSET))
        .setGraph(graph)
        .build()
        .toByteArray();
  }

  /** An input or output whose sizes have names. */
  static OnnxMl.ValueInfoProto tensor(
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
