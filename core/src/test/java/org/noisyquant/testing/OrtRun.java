package org.noisyquant.testing;

import ai.onnxruntime.OnnxJavaType;
import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OnnxValue;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import ai.onnxruntime.OrtSession.SessionOptions.OptLevel;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.FloatBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import org.noisyquant.onnx.OnnxFile;

/** Runs a model once in ONNX Runtime on one thread. */
public final class OrtRun {
  private final Map<String, float[]> floats = new HashMap<>();
  private final Map<String, byte[]> bytes = new HashMap<>();

  private OrtRun() {}

  /** As written: no graph optimization. */
  public static OrtRun plain(byte[] model, float[] pixels, long... shape) {
    return run(model, OptLevel.NO_OPT, null, pixels, shape);
  }

  /**
   * With all optimizations. 8-bit products stay exact: on CPUs without VNNI the U8S8 kernels that
   * ONNX Runtime prefers add two products in 16 bits and can saturate.
   *
   * @param optimized where to write the optimized model, or null
   */
  public static OrtRun optimized(byte[] model, Path optimized, float[] pixels, long... shape) {
    return run(model, OptLevel.ALL_OPT, optimized, pixels, shape);
  }

  /** As written, whether in one file or two. */
  public static OrtRun plain(OnnxFile model, float[] pixels, long... shape) {
    if (!model.hasData()) {
      return plain(model.bytes(), pixels, shape);
    }
    try {
      Path folder = Files.createTempDirectory("ort-run");
      Path file = folder.resolve("model.onnx");
      Path data = folder.resolve(OnnxFile.dataName("model.onnx"));
      model.write(file);
      OrtRun run =
          run(
              (environment, options) -> environment.createSession(file.toString(), options),
              OptLevel.NO_OPT,
              null,
              pixels,
              shape);
      Files.delete(file);
      Files.delete(data);
      Files.delete(folder);
      return run;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static OrtRun run(
      byte[] model, OptLevel level, Path optimized, float[] pixels, long... shape) {
    return run(
        (environment, options) -> environment.createSession(model, options),
        level,
        optimized,
        pixels,
        shape);
  }

  private interface Loader {
    OrtSession open(OrtEnvironment environment, OrtSession.SessionOptions options)
        throws OrtException;
  }

  private static OrtRun run(
      Loader model, OptLevel level, Path optimized, float[] pixels, long... shape) {
    OrtEnvironment environment = OrtEnvironment.getEnvironment();
    OrtRun run = new OrtRun();
    try (OrtSession.SessionOptions options = new OrtSession.SessionOptions()) {
      options.setIntraOpNumThreads(1);
      options.setOptimizationLevel(level);
      options.addConfigEntry("session.x64quantprecision", "1");
      if (optimized != null) {
        options.setOptimizedModelFilePath(optimized.toString());
      }
      try (OrtSession session = model.open(environment, options);
          OnnxTensor input = OnnxTensor.createTensor(environment, FloatBuffer.wrap(pixels), shape);
          OrtSession.Result result =
              session.run(Map.of(session.getInputNames().iterator().next(), input))) {
        for (Map.Entry<String, OnnxValue> output : result) {
          run.keep(output.getKey(), (OnnxTensor) output.getValue());
        }
      }
      return run;
    } catch (OrtException e) {
      throw new IllegalStateException(e);
    }
  }

  private void keep(String name, OnnxTensor tensor) {
    if (tensor.getInfo().type == OnnxJavaType.FLOAT) {
      FloatBuffer buffer = tensor.getFloatBuffer();
      float[] values = new float[buffer.remaining()];
      buffer.get(values);
      floats.put(name, values);
    } else {
      ByteBuffer buffer = tensor.getByteBuffer();
      byte[] values = new byte[buffer.remaining()];
      buffer.get(values);
      bytes.put(name, values);
    }
  }

  /** A float output, flattened. */
  public float[] floats(String output) {
    return floats.get(output);
  }

  /** An int8 output, flattened. */
  public byte[] bytes(String output) {
    return bytes.get(output);
  }
}
