package org.noisyquant.runtime;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Input and outputs of an image model off the heap, 4 bytes a value, which ONNX Runtime reads and
 * writes without a copy. The sizes of the outputs are known after a first run. Mutable.
 */
final class ImageBuffers implements AutoCloseable {
  private final FloatBuffer pixels;
  private final OnnxTensor image;
  private final Map<String, OnnxTensor> pinned = new HashMap<>();
  private final List<FloatBuffer> outputs = new ArrayList<>();
  private final List<long[]> shapes = new ArrayList<>();
  private boolean complete;

  ImageBuffers(int height, int width) throws OrtException {
    pixels = DirectFloats.allocate(3 * height * width);
    image =
        OnnxTensor.createTensor(
            OrtEnvironment.getEnvironment(), pixels, new long[] {1, 3, height, width});
  }

  /** Runs one image and keeps its outputs of these names. */
  void run(OrtSession session, String input, List<String> names, float[] values)
      throws OrtException {
    pixels.put(0, values);
    Map<String, OnnxTensor> inputs = Map.of(input, image);
    if (!complete) {
      allocate(session, inputs, names);
    }
    session.run(inputs, Set.of(), pinned).close();
  }

  /** Whether an image was run. */
  boolean isComplete() {
    return complete;
  }

  FloatBuffer output(int output) {
    return outputs.get(output);
  }

  long[] shape(int output) {
    return shapes.get(output);
  }

  @Override
  public void close() {
    image.close();
    pinned.values().forEach(OnnxTensor::close);
  }

  private void allocate(OrtSession session, Map<String, OnnxTensor> inputs, List<String> names)
      throws OrtException {
    try (OrtSession.Result first = session.run(inputs, Set.copyOf(names))) {
      for (String name : names) {
        OnnxTensor tensor = (OnnxTensor) first.get(name).orElseThrow();
        long[] shape = tensor.getInfo().getShape();
        FloatBuffer buffer =
            DirectFloats.allocate(Math.toIntExact(tensor.getInfo().getNumElements()));
        outputs.add(buffer);
        shapes.add(shape);
        pinned.put(name, OnnxTensor.createTensor(OrtEnvironment.getEnvironment(), buffer, shape));
      }
    }
    complete = true;
  }
}
