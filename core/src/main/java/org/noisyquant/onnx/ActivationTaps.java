package org.noisyquant.onnx;

import ai.onnx.proto.OnnxMl.GraphProto;
import ai.onnx.proto.OnnxMl.ModelProto;
import ai.onnx.proto.OnnxMl.NodeProto;
import ai.onnx.proto.OnnxMl.TensorProto;
import ai.onnx.proto.OnnxMl.TensorProto.DataType;
import ai.onnx.proto.OnnxMl.TypeProto;
import ai.onnx.proto.OnnxMl.ValueInfoProto;
import com.google.protobuf.InvalidProtocolBufferException;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Makes activations of a model readable by adding them to its outputs. */
public final class ActivationTaps {
  private ActivationTaps() {}

  /**
   * The same model with these float tensors as outputs of unknown shape, in this order after its
   * own outputs. A tensor that is named twice, or is an output already, is not added again. The
   * same arguments give the same bytes, and no tensor is copied where there is a data file.
   *
   * @throws IllegalArgumentException for a tensor that no node of the model makes
   */
  public static OnnxFile addTo(OnnxModel model, List<String> tensors) {
    return model.fileOf(addTo(model.proto(), tensors));
  }

  /**
   * The same for any ONNX model in one file, such as an exported one, whose integer codes can be
   * tapped too: the output of a QuantizeLinear has the type of its zero point, every other tensor
   * is taken as float.
   *
   * @throws IllegalArgumentException for a tensor that no node of the model makes, or bytes that
   *     are no ONNX model
   */
  public static byte[] addTo(byte[] model, List<String> tensors) {
    try {
      return addTo(ModelProto.parseFrom(model), tensors).toByteArray();
    } catch (InvalidProtocolBufferException e) {
      throw new IllegalArgumentException("no ONNX model", e);
    }
  }

  private static ModelProto addTo(ModelProto model, List<String> tensors) {
    Map<String, NodeProto> producers = new HashMap<>();
    for (NodeProto node : model.getGraph().getNodeList()) {
      node.getOutputList().forEach(output -> producers.put(output, node));
    }
    GraphProto.Builder graph = model.getGraph().toBuilder();
    Set<String> outputs = new HashSet<>();
    graph.getOutputList().forEach(output -> outputs.add(output.getName()));
    for (String tensor : tensors) {
      NodeProto producer = producers.get(tensor);
      if (producer == null) {
        throw new IllegalArgumentException("no node of the model makes the tensor " + tensor);
      }
      if (outputs.add(tensor)) {
        TypeProto.Tensor type =
            TypeProto.Tensor.newBuilder().setElemType(type(producer, model.getGraph())).build();
        graph.addOutput(
            ValueInfoProto.newBuilder()
                .setName(tensor)
                .setType(TypeProto.newBuilder().setTensorType(type)));
      }
    }
    return model.toBuilder().setGraph(graph).build();
  }

  private static int type(NodeProto producer, GraphProto graph) {
    if (!producer.getOpType().equals("QuantizeLinear")) {
      return DataType.FLOAT_VALUE;
    }
    String zeroPoint = producer.getInputCount() > 2 ? producer.getInput(2) : "";
    return graph.getInitializerList().stream()
        .filter(tensor -> tensor.getName().equals(zeroPoint))
        .map(TensorProto::getDataType)
        .findFirst()
        .orElse(DataType.UINT8_VALUE);
  }
}
