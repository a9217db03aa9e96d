package org.noisyquant.testing;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.noisyquant.graph.ActivationSite;
import org.noisyquant.graph.LinearLayer;
import org.noisyquant.onnx.OnnxModel;
import org.noisyquant.quant.QuantizedWeight;

/**
 * A quantized model end to end without a quantized ONNX model: the FP32 model is cut at its linear
 * layers, ONNX Runtime computes what lies between them, and each layer is y = (q(x + N) − N)·Wq + b
 * in float, with the bias as it was. Only the quantizer is ours.
 */
public final class SegmentedSimulation implements AutoCloseable {
  private final OrtEnvironment environment = OrtEnvironment.getEnvironment();
  private final OnnxModel model;
  private final List<Segment> segments = new ArrayList<>();
  private final OrtSession linear;

  private record Segment(GraphSegment graph, OrtSession session) {}

  /**
   * Cuts a model.
   *
   * @param sites the sites that are going to be quantized, in topological order
   */
  public SegmentedSimulation(OnnxModel model, List<ActivationSite> sites) throws OrtException {
    this.model = model;
    Set<String> given = new LinkedHashSet<>(List.of(model.graph().input()));
    for (ActivationSite site : sites) {
      addSegment(given, site.tensor());
      site.layers().forEach(layer -> given.add(model.nodes(layer).output()));
    }
    if (!given.contains(model.graph().output())) {
      addSegment(given, model.graph().output());
    }
    GraphBuilder product =
        new GraphBuilder(13)
            .node("MatMul", List.of("x", "w"), "xw")
            .node("Add", List.of("xw", "b"), "y");
    for (String input : List.of("x", "w", "b")) {
      product.graph().addInput(GraphSegment.floats(input));
    }
    product.graph().addOutput(GraphSegment.floats("y"));
    linear = session(product.bytes());
  }

  private void addSegment(Set<String> given, String tensor) throws OrtException {
    GraphSegment graph = GraphSegment.between(model.proto(), given, tensor);
    segments.add(new Segment(graph, session(graph.model().toByteArray())));
  }

  private OrtSession session(byte[] bytes) throws OrtException {
    try (OrtSession.SessionOptions options = new OrtSession.SessionOptions()) {
      options.setIntraOpNumThreads(1);
      return environment.createSession(bytes, options);
    }
  }

  /**
   * The logits of one image.
   *
   * @param sites how the sites given at construction are quantized, in their order
   * @param pixels normalised [3, height, width]
   */
  public float[] logits(List<SimulatedSite> sites, float[] pixels) throws OrtException {
    Map<String, OnnxTensor> tensors = new HashMap<>();
    try {
      tensors.put(
          model.graph().input(),
          tensor(pixels, 1, 3, model.graph().height(), model.graph().width()));
      for (int i = 0; i < sites.size(); i++) {
        SimulatedSite site = sites.get(i);
        OnnxTensor x = run(segments.get(i), tensors);
        try (x) {
          addOutputs(site, x, tensors);
        }
      }
      String output = model.graph().output();
      if (!tensors.containsKey(output)) {
        tensors.put(output, run(segments.get(sites.size()), tensors));
      }
      return values(tensors.get(output));
    } finally {
      tensors.values().forEach(OnnxTensor::close);
    }
  }

  private OnnxTensor run(Segment segment, Map<String, OnnxTensor> tensors) throws OrtException {
    Map<String, OnnxTensor> inputs = new HashMap<>();
    segment.graph().inputs().forEach(name -> inputs.put(name, tensors.get(name)));
    return copy(segment.session(), inputs);
  }

  private void addOutputs(SimulatedSite site, OnnxTensor x, Map<String, OnnxTensor> tensors)
      throws OrtException {
    List<LinearLayer> layers = site.site().layers();
    try (OnnxTensor denoised = tensor(site.denoised(values(x)), x.getInfo().getShape())) {
      for (int i = 0; i < layers.size(); i++) {
        QuantizedWeight weight = site.weights().get(i);
        try (OnnxTensor w = tensor(weight.dequantized(), weight.inputs(), weight.outputs());
            OnnxTensor b = tensor(site.biases().get(i), weight.outputs())) {
          tensors.put(
              model.nodes(layers.get(i)).output(),
              copy(linear, Map.of("x", denoised, "w", w, "b", b)));
        }
      }
    }
  }

  /** The only output, as a tensor that outlives the result. */
  private OnnxTensor copy(OrtSession session, Map<String, OnnxTensor> inputs) throws OrtException {
    try (OrtSession.Result result = session.run(inputs)) {
      OnnxTensor output = (OnnxTensor) result.get(0);
      return tensor(values(output), output.getInfo().getShape());
    }
  }

  private OnnxTensor tensor(float[] values, long... shape) throws OrtException {
    return OnnxTensor.createTensor(environment, FloatBuffer.wrap(values), shape);
  }

  private static float[] values(OnnxTensor tensor) {
    FloatBuffer buffer = tensor.getFloatBuffer();
    float[] values = new float[buffer.remaining()];
    buffer.get(values);
    return values;
  }

  @Override
  public void close() throws OrtException {
    for (Segment segment : segments) {
      segment.session().close();
    }
    linear.close();
  }
}
