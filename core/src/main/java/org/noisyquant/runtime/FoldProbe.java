package org.noisyquant.runtime;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OnnxValue;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import java.nio.FloatBuffer;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import org.noisyquant.onnx.OnnxFile;
import org.noisyquant.onnx.OnnxModel;
import org.noisyquant.onnx.SiteFolds;

/** Finds folds with ONNX Runtime as the one that runs the probe. */
public final class FoldProbe {
  private static final String WHAT = "the model that follows the channels";

  private FoldProbe() {}

  /**
   * Into what the noise of each site of a model folds. Takes about one forward of the model on one
   * thread, and its memory; where its weights do not fit into one file, also their size in the
   * temporary folder. Such a model runs in a process of its own: ONNX Runtime was once seen to
   * crash while it loaded one that it loads at other times.
   *
   * @throws org.noisyquant.error.NoisyQuantException MODEL_RUN_FAILED if ONNX Runtime refuses the
   *     model, or crashes on one in a process of its own
   */
  public static SiteFolds folds(OnnxModel model) {
    return SiteFolds.of(model, FoldProbe::run);
  }

  private static Map<String, float[]> run(OnnxFile model, long... shape) {
    if (model.hasData()) {
      try (ModelTrial trial = ModelTrial.open()) {
        return trial.values(WHAT, model, shape).orElseGet(() -> runHere(model, shape));
      }
    }
    return runHere(model, shape);
  }

  private static Map<String, float[]> runHere(OnnxFile model, long... shape) {
    // From a file, ONNX Runtime needs one copy of the model less than from bytes.
    try (TemporaryFolder folder = TemporaryFolder.create("noisyquant-probe")) {
      return run(folder.write("probe.onnx", model), shape);
    }
  }

  static Map<String, float[]> run(Path file, long... shape) {
    OrtEnvironment environment = OrtEnvironment.getEnvironment();
    int pixels = 1;
    for (long dim : shape) {
      pixels = Math.multiplyExact(pixels, Math.toIntExact(dim));
    }
    try (OrtSession.SessionOptions options = new OrtSession.SessionOptions()) {
      options.setIntraOpNumThreads(1);
      options.setInterOpNumThreads(1);
      try (OrtSession session = environment.createSession(file.toString(), options);
          OnnxTensor image =
              OnnxTensor.createTensor(environment, DirectFloats.allocate(pixels), shape);
          OrtSession.Result result =
              session.run(Map.of(session.getInputNames().iterator().next(), image))) {
        Map<String, float[]> outputs = new HashMap<>();
        for (Map.Entry<String, OnnxValue> output : result) {
          FloatBuffer buffer = ((OnnxTensor) output.getValue()).getFloatBuffer();
          float[] values = new float[buffer.remaining()];
          buffer.get(values);
          outputs.put(output.getKey(), values);
        }
        return outputs;
      }
    } catch (OrtException e) {
      throw ModelRunner.failed(WHAT, e);
    }
  }
}
