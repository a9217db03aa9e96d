package org.noisyquant.export;

import ai.onnx.proto.OnnxMl.AttributeProto;
import ai.onnx.proto.OnnxMl.AttributeProto.AttributeType;
import ai.onnx.proto.OnnxMl.NodeProto;
import ai.onnx.proto.OnnxMl.TensorProto;
import ai.onnx.proto.OnnxMl.TensorProto.DataType;
import com.google.protobuf.ByteString;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;

/** Nodes and tensors to build graphs from. */
final class OnnxParts {
  private OnnxParts() {}

  static NodeProto node(String name, String operator, List<String> inputs, String output) {
    return NodeProto.newBuilder()
        .setName(name)
        .setOpType(operator)
        .addAllInput(inputs)
        .addOutput(output)
        .build();
  }

  /** The node with one more integer attribute. */
  static NodeProto with(NodeProto node, String attribute, long value) {
    return node.toBuilder()
        .addAttribute(
            AttributeProto.newBuilder().setName(attribute).setType(AttributeType.INT).setI(value))
        .build();
  }

  static TensorProto scalar(String name, float value) {
    return floats(name, List.of(), value);
  }

  static TensorProto floats(String name, List<Integer> shape, float... values) {
    ByteBuffer raw = ByteBuffer.allocate(4 * values.length).order(ByteOrder.LITTLE_ENDIAN);
    raw.asFloatBuffer().put(values);
    return tensor(name, DataType.FLOAT_VALUE, shape).setRawData(ByteString.copyFrom(raw)).build();
  }

  static TensorProto bytes(String name, List<Integer> shape, byte... values) {
    return tensor(name, DataType.INT8_VALUE, shape).setRawData(ByteString.copyFrom(values)).build();
  }

  private static TensorProto.Builder tensor(String name, int type, List<Integer> shape) {
    TensorProto.Builder tensor = TensorProto.newBuilder().setName(name).setDataType(type);
    shape.forEach(tensor::addDims);
    return tensor;
  }
}
