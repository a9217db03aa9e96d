package org.noisyquant.onnx;

import ai.onnx.proto.OnnxMl.AttributeProto;
import ai.onnx.proto.OnnxMl.GraphProto;
import ai.onnx.proto.OnnxMl.ModelProto;
import ai.onnx.proto.OnnxMl.NodeProto;
import ai.onnx.proto.OnnxMl.OperatorSetIdProto;
import ai.onnx.proto.OnnxMl.TensorProto;
import ai.onnx.proto.OnnxMl.TensorProto.DataType;
import ai.onnx.proto.OnnxMl.TensorShapeProto.Dimension;
import ai.onnx.proto.OnnxMl.TypeProto;
import ai.onnx.proto.OnnxMl.ValueInfoProto;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.noisyquant.error.ErrorCode;
import org.noisyquant.error.NoisyQuantException;

/** Refuses what is no model, and models of a form that cannot be quantized here. */
final class ModelChecks {
  /** The first opset with a per-channel axis in DequantizeLinear. */
  static final int MINIMAL_OPSET = 13;

  /** Three channels of its square are still counted by an int. */
  private static final int LARGEST_SIDE = 16_384;

  private static final Set<String> STANDARD_DOMAINS = Set.of("", "ai.onnx");
  private static final Set<String> QUANTIZED =
      Set.of(
          "QuantizeLinear",
          "DequantizeLinear",
          "DynamicQuantizeLinear",
          "MatMulInteger",
          "MatMulIntegerToFloat",
          "DynamicQuantizeMatMul",
          "ConvInteger",
          "QGemm",
          "QAttention",
          "MatMulNBits");

  /** Least inputs of the operators whose inputs are read here, as ONNX has them. */
  private static final Map<String, Integer> LEAST_INPUTS =
      Map.ofEntries(
          Map.entry("Add", 2),
          Map.entry("Attention", 3),
          Map.entry("Cast", 1),
          Map.entry("Conv", 2),
          Map.entry("Div", 2),
          Map.entry("Expand", 2),
          Map.entry("Gather", 2),
          Map.entry("Gemm", 2),
          Map.entry("GlobalAveragePool", 1),
          Map.entry("Identity", 1),
          Map.entry("IsNaN", 1),
          Map.entry("LayerNormalization", 2),
          Map.entry("MatMul", 2),
          Map.entry("Mul", 2),
          Map.entry("Pad", 1),
          Map.entry("Pow", 2),
          Map.entry("ReduceMean", 1),
          Map.entry("Reshape", 2),
          Map.entry("Shape", 1),
          Map.entry("Slice", 3),
          Map.entry("Softmax", 1),
          Map.entry("Split", 1),
          Map.entry("Squeeze", 1),
          Map.entry("Sub", 2),
          Map.entry("Transpose", 1),
          Map.entry("Unsqueeze", 2),
          Map.entry("Where", 3));

  private static final Set<String> RANDOM =
      Set.of(
          "RandomNormal",
          "RandomNormalLike",
          "RandomUniform",
          "RandomUniformLike",
          "Bernoulli",
          "Multinomial");

  private final String where;
  private final ModelProto model;
  private final GraphProto graph;

  private ModelChecks(ModelProto model, String where) {
    this.where = where;
    this.model = model;
    this.graph = model.getGraph();
  }

  /** Throws {@code MODEL_UNREADABLE} or {@code MODEL_UNSUPPORTED}. */
  static void check(ModelProto model, String where) {
    ModelChecks checks = new ModelChecks(model, where);
    checks.isModel();
    checks.opset();
    checks.operators(checks.graph);
    checks.tensors();
    checks.order();
  }

  private void isModel() {
    if (!model.hasGraph() || graph.getNodeCount() == 0 || graph.getOutputCount() == 0) {
      throw unreadable("it holds no graph with nodes and outputs");
    }
    if (model.getOpsetImportCount() == 0) {
      throw unreadable("it names no opset; the file may be cut short");
    }
  }

  private void opset() {
    long opset = -1;
    for (OperatorSetIdProto imported : model.getOpsetImportList()) {
      if (STANDARD_DOMAINS.contains(imported.getDomain())) {
        opset = imported.getVersion();
      }
    }
    if (opset < MINIMAL_OPSET) {
      throw unsupported(
          "its opset is "
              + (opset < 0 ? "not given" : opset)
              + "; export it again with opset "
              + MINIMAL_OPSET
              + " or newer");
    }
  }

  private void operators(GraphProto within) {
    for (NodeProto node : within.getNodeList()) {
      String op = node.getOpType();
      if (QUANTIZED.contains(op) || op.startsWith("QLinear")) {
        throw unsupported(
            "it is quantized already (" + label(node) + "); give the FP32 model it was made from");
      }
      if (node.getDomain().equals("com.microsoft")) {
        throw unsupported(
            "it holds the fused operator "
                + label(node)
                + " of com.microsoft; export it again without ONNX Runtime's transformer"
                + " optimization");
      }
      if (RANDOM.contains(op)) {
        throw unsupported(
            "it computes with random numbers ("
                + label(node)
                + "), as models in training mode do (dropout, drop path); export it in evaluation"
                + " mode, with all drop rates 0");
      }
      if (!STANDARD_DOMAINS.contains(node.getDomain())) {
        throw unsupported(
            "operator "
                + label(node)
                + " is of domain "
                + node.getDomain()
                + "; export it with standard ONNX operators, local functions inlined");
      }
      if (node.getOutputCount() == 0 || node.getInputCount() < LEAST_INPUTS.getOrDefault(op, 0)) {
        throw unreadable(
            "node "
                + label(node)
                + " has "
                + node.getInputCount()
                + " inputs and "
                + node.getOutputCount()
                + " outputs");
      }
      for (AttributeProto attribute : node.getAttributeList()) {
        if (attribute.hasT()) {
          tensor(attribute.getT(), "constant of node " + label(node));
        }
        if (attribute.hasG()) {
          operators(attribute.getG());
        }
        attribute.getGraphsList().forEach(this::operators);
      }
    }
  }

  private void tensors() {
    if (graph.getSparseInitializerCount() > 0) {
      throw unsupported("it has sparse initializers; export it again with dense weights");
    }
    for (TensorProto tensor : graph.getInitializerList()) {
      tensor(tensor, "initializer " + tensor.getName());
    }
  }

  private void tensor(TensorProto tensor, String what) {
    int type = tensor.getDataType();
    if (type == DataType.FLOAT16_VALUE
        || type == DataType.BFLOAT16_VALUE
        || type >= DataType.FLOAT8E4M3FN_VALUE) {
      DataType named = DataType.forNumber(type);
      throw unsupported(
          what + " is of type " + (named == null ? type : named) + "; export the model as FP32");
    }
    String defect = TensorCodec.sizeDefect(tensor);
    if (defect != null) {
      throw unreadable(what + " " + defect + "; the file may be damaged");
    }
  }

  /** ONNX wants nodes in topological order: what comes later cannot be read. */
  private void order() {
    Set<String> known = new HashSet<>();
    graph.getInputList().forEach(input -> known.add(input.getName()));
    graph.getInitializerList().forEach(tensor -> known.add(tensor.getName()));
    for (NodeProto node : graph.getNodeList()) {
      for (String input : NodeReads.of(node)) {
        if (!known.contains(input)) {
          throw unreadable(
              "node " + label(node) + " reads " + input + ", which nothing before it makes");
        }
      }
      for (String output : node.getOutputList()) {
        if (!output.isEmpty() && !known.add(output)) {
          throw unreadable("node " + label(node) + " makes " + output + ", which is there already");
        }
      }
    }
    for (ValueInfoProto output : graph.getOutputList()) {
      if (!known.contains(output.getName())) {
        throw unreadable("nothing makes its output " + output.getName());
      }
    }
  }

  /** The one image input [batch, 3, height, width]. */
  static ValueInfoProto imageInput(GraphProto graph, String where) {
    Set<String> initializers =
        graph.getInitializerList().stream().map(TensorProto::getName).collect(Collectors.toSet());
    List<ValueInfoProto> inputs =
        graph.getInputList().stream()
            .filter(input -> !initializers.contains(input.getName()))
            .toList();
    if (inputs.size() != 1) {
      throw unsupported(
          where,
          "it has the inputs "
              + inputs.stream().map(ModelChecks::describe).toList()
              + "; one image input [batch, 3, height, width] is needed");
    }
    ValueInfoProto input = inputs.get(0);
    TypeProto.Tensor type = input.getType().getTensorType();
    List<Dimension> dims = type.getShape().getDimList();
    String shown = "its input " + describe(input);
    if (type.getElemType() != DataType.FLOAT_VALUE) {
      throw unsupported(where, shown + " is no FP32 tensor; export the model as FP32");
    }
    if (dims.size() != 4 || (dims.get(1).hasDimValue() && dims.get(1).getDimValue() != 3)) {
      throw unsupported(where, shown + " is no image [batch, 3, height, width]");
    }
    if (dims.get(2).getDimValue() > LARGEST_SIDE || dims.get(3).getDimValue() > LARGEST_SIDE) {
      throw unsupported(where, shown + " is larger than " + LARGEST_SIDE + " pixels on a side");
    }
    if (!isPositive(dims.get(2)) || !isPositive(dims.get(3))) {
      throw unsupported(
          where, shown + " has no fixed height and width; export it again with a fixed image size");
    }
    if (dims.get(0).hasDimValue() && dims.get(0).getDimValue() != 1) {
      throw unsupported(
          where,
          shown
              + " has the fixed batch "
              + dims.get(0).getDimValue()
              + "; export it again with a dynamic batch or batch 1");
    }
    return input;
  }

  /** Outputs [batch, classes] of floats; at least one. */
  static List<ValueInfoProto> logitsOutputs(GraphProto graph, String where) {
    List<ValueInfoProto> logits =
        graph.getOutputList().stream()
            .filter(output -> output.getType().getTensorType().getShape().getDimCount() == 2)
            .filter(
                output -> output.getType().getTensorType().getElemType() == DataType.FLOAT_VALUE)
            .toList();
    if (logits.isEmpty()) {
      throw unsupported(
          where,
          "none of its outputs "
              + graph.getOutputList().stream().map(ModelChecks::describe).toList()
              + " is FP32 logits [batch, classes]; export it with its classifier");
    }
    return logits;
  }

  private static boolean isPositive(Dimension dim) {
    return dim.hasDimValue() && dim.getDimValue() > 0;
  }

  private static String describe(ValueInfoProto value) {
    return value.getName()
        + value.getType().getTensorType().getShape().getDimList().stream()
            .map(d -> d.hasDimValue() ? Long.toString(d.getDimValue()) : d.getDimParam())
            .map(d -> d.isEmpty() ? "?" : d)
            .collect(Collectors.joining(", ", " [", "]"));
  }

  private static String label(NodeProto node) {
    return node.getName().isEmpty() ? node.getOpType() : node.getOpType() + " " + node.getName();
  }

  private NoisyQuantException unreadable(String what) {
    return new NoisyQuantException(
        ErrorCode.MODEL_UNREADABLE,
        "model " + where + " cannot be read: " + what + ". Give a complete ONNX file.");
  }

  private NoisyQuantException unsupported(String what) {
    return unsupported(where, what);
  }

  static NoisyQuantException unsupported(String where, String what) {
    return new NoisyQuantException(
        ErrorCode.MODEL_UNSUPPORTED, "model " + where + " cannot be quantized: " + what + ".");
  }
}
