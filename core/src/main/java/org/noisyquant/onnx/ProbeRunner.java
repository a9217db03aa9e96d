package org.noisyquant.onnx;

import java.util.Map;

/** Runs a generated model once; ONNX Runtime, handed in, as this package does not know it. */
@FunctionalInterface
public interface ProbeRunner {
  /**
   * Runs a model on an image of zeros.
   *
   * @param model with one float input
   * @param shape shape of the input
   * @return its outputs, all float, by name, row-major
   */
  Map<String, float[]> run(OnnxFile model, long... shape);
}
