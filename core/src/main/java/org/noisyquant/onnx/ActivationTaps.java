package org.noisyquant.onnx;

import ai.onnx.proto.OnnxMl.GraphProto;
import ai.onnx.proto.OnnxMl.ModelProto;
import ai.onnx.proto.OnnxMl.NodeProto;
import ai.onnx.proto.OnnxMl.TensorProto.DataType;
import ai.onnx.proto.OnnxMl.TypeProto;
import ai.onnx.proto.OnnxMl.ValueInfoProto;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/** Makes activations of a model readable by adding them to its outputs. */
public final class ActivationTaps {
  private ActivationTaps() {}

  /**
   * The same model with these float tensors as outputs of unknown shape, in this order after its
   * own outputs. A tensor that is named twice, or is an output already, is not added again. The
   * same arguments give the same bytes.
   *
   * @throws IllegalArgumentException for a tensor that no node of the model makes
   */
  public static byte[] addTo(OnnxModel model, List<String> tensors) {
    return addTo(model.proto(), tensors).toByteArray();
  }

  static ModelProto addTo(ModelProto model, List<String> tensors) {
    Set<String> made = new HashSet<>();
    for (NodeProto node : model.getGraph().getNodeList()) {
      made.addAll(node.getOutputList());
    }
    GraphProto.Builder graph = model.getGraph().toBuilder();
    Set<String> outputs = new HashSet<>();
    graph.getOutputList().forEach(output -> outputs.add(output.getName()));
    for (String tensor : tensors) {
      if (!made.contains(tensor)) {
        throw new IllegalArgumentException("no node of the model makes the tensor " + tensor);
      }
      if (outputs.add(tensor)) {
        TypeProto.Tensor floats =
            TypeProto.Tensor.newBuilder().setElemType(DataType.FLOAT_VALUE).build();
        graph.addOutput(
            ValueInfoProto.newBuilder()
                .setName(tensor)
                .setType(TypeProto.newBuilder().setTensorType(floats)));
      }
    }
    return model.toBuilder().setGraph(graph).build();
  }
}
