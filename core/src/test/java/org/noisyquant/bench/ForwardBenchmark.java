package org.noisyquant.bench;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import java.nio.FloatBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import org.noisyquant.image.Preprocessor;
import org.noisyquant.onnx.OnnxModel;
import org.noisyquant.testing.TestImages;

/**
 * The unit of calibration time: seconds of the plain ONNX Runtime forward of a folder's first
 * images, decoded beforehand, one image at a time in each of so many threads that share a session.
 * Start-up is not in it. Prints the median of some rounds.
 *
 * <p>Arguments: {@code MODEL.onnx PREPROCESSING.json IMAGES COUNT THREADS ROUNDS}.
 */
public final class ForwardBenchmark {
  private static final OrtEnvironment ENVIRONMENT = OrtEnvironment.getEnvironment();

  private ForwardBenchmark() {}

  /** Prints the seconds of one round. */
  public static void main(String[] args)
      throws OrtException, InterruptedException, ExecutionException {
    OnnxModel model = OnnxModel.read(Path.of(args[0]));
    Preprocessor preprocessor = TestImages.preprocessor(Path.of(args[1]), model.graph());
    List<float[]> images =
        TestImages.first(Path.of(args[2]), Integer.parseInt(args[3]), preprocessor);
    int threads = Integer.parseInt(args[4]);
    double[] seconds = new double[Integer.parseInt(args[5])];
    long[] shape = {1, 3, model.graph().height(), model.graph().width()};
    ExecutorService executor = Executors.newFixedThreadPool(threads);
    try (OrtSession.SessionOptions options = new OrtSession.SessionOptions()) {
      options.setIntraOpNumThreads(1);
      try (OrtSession session = ENVIRONMENT.createSession(args[0], options)) {
        for (int round = -1; round < seconds.length; round++) {
          long start = System.nanoTime();
          AtomicInteger next = new AtomicInteger();
          List<Future<?>> tasks = new ArrayList<>();
          for (int t = 0; t < threads; t++) {
            tasks.add(
                executor.submit(
                    () -> {
                      for (int i = next.getAndIncrement();
                          i < images.size();
                          i = next.getAndIncrement()) {
                        run(session, model.graph().input(), images.get(i), shape);
                      }
                      return null;
                    }));
          }
          for (Future<?> task : tasks) {
            task.get();
          }
          if (round >= 0) {
            seconds[round] = (System.nanoTime() - start) / 1e9;
          }
        }
      }
    } finally {
      executor.shutdown();
    }
    Arrays.sort(seconds);
    System.out.printf(Locale.ROOT, "%.2f%n", seconds[seconds.length / 2]);
  }

  private static void run(OrtSession session, String input, float[] pixels, long[] shape)
      throws OrtException {
    try (OnnxTensor tensor =
        OnnxTensor.createTensor(ENVIRONMENT, FloatBuffer.wrap(pixels), shape)) {
      session.run(Map.of(input, tensor)).close();
    }
  }
}
