package org.noisyquant.bench;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import java.nio.FloatBuffer;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import org.noisyquant.onnx.OnnxModel;

/**
 * Latency of the models of an output folder on this machine: batch 1, one thread, run in turn so
 * that a change of the machine's speed meets all; medians of the paired ratios with the 95 %
 * interval of the median (order statistics).
 *
 * <p>Arguments: FP32 model, baseline.onnx, model.onnx, rounds.
 */
public final class LatencyBenchmark {
  private static final OrtEnvironment ENVIRONMENT = OrtEnvironment.getEnvironment();
  private static final int WARM_UP = 20;
  private static final double NORMAL_95 = 1.96;

  private LatencyBenchmark() {}

  /** Prints the ratios. */
  public static void main(String[] args) throws OrtException {
    OnnxModel fp32 = OnnxModel.read(Path.of(args[0]));
    int height = fp32.graph().height();
    int width = fp32.graph().width();
    int rounds = Integer.parseInt(args[3]);
    float[] image = new float[3 * height * width];
    Random random = new Random(1);
    for (int i = 0; i < image.length; i++) {
      image[i] = (float) random.nextGaussian();
    }
    long[] shape = {1, 3, height, width};
    double[] baselineToFp32 = new double[rounds];
    double[] noiseToBaseline = new double[rounds];
    double[] milliseconds = new double[rounds];
    try (OrtSession a = session(args[0]);
        OrtSession b = session(args[1]);
        OrtSession c = session(args[2]);
        OnnxTensor input = OnnxTensor.createTensor(ENVIRONMENT, FloatBuffer.wrap(image), shape)) {
      Map<String, OnnxTensor> inputs = Map.of(fp32.graph().input(), input);
      for (int i = -WARM_UP; i < rounds; i++) {
        double x = time(a, inputs);
        double y = time(b, inputs);
        double z = time(c, inputs);
        if (i >= 0) {
          milliseconds[i] = x;
          baselineToFp32[i] = x / y;
          noiseToBaseline[i] = z / y;
        }
      }
    }
    print("FP32 ms", milliseconds);
    print("FP32 / baseline.onnx", baselineToFp32);
    print("model.onnx / baseline.onnx", noiseToBaseline);
  }

  /** As a user opens it: nothing set but the number of threads. */
  private static OrtSession session(String model) throws OrtException {
    try (OrtSession.SessionOptions options = new OrtSession.SessionOptions()) {
      options.setIntraOpNumThreads(1);
      return ENVIRONMENT.createSession(model, options);
    }
  }

  private static double time(OrtSession session, Map<String, OnnxTensor> inputs)
      throws OrtException {
    long start = System.nanoTime();
    session.run(inputs).close();
    return (System.nanoTime() - start) / 1e6;
  }

  private static void print(String what, double[] values) {
    Arrays.sort(values);
    int n = values.length;
    int half = (int) Math.ceil(NORMAL_95 * Math.sqrt(n) / 2);
    System.out.printf(
        Locale.ROOT,
        "%-28s median %.3f [%.3f, %.3f]%n",
        what,
        values[n / 2],
        values[Math.max(0, n / 2 - half)],
        values[Math.min(n - 1, n / 2 + half)]);
  }
}
