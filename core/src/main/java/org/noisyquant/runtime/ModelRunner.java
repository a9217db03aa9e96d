package org.noisyquant.runtime;

import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import java.nio.FloatBuffer;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.noisyquant.error.ErrorCode;
import org.noisyquant.error.NoisyQuantException;

/**
 * An image model in ONNX Runtime, run one image at a time on the CPU. Thread-safe: tasks share one
 * runner and each opens its own {@link Run}, which holds its buffers.
 */
public final class ModelRunner implements AutoCloseable {
  private final String where;
  private final OrtSession session;
  private final String input;
  private final Map<Format, IdleBuffers<ImageBuffers>> idle = new HashMap<>();

  private ModelRunner(String where, OrtSession session, String input) {
    this.where = where;
    this.session = session;
    this.input = input;
  }

  /**
   * Opens a model file.
   *
   * <p>Integer products of quantized models are computed without the 16-bit saturation of CPUs
   * without VNNI, so that a quantized model is judged by what it says, not by the machine.
   *
   * <p>ONNX Runtime keeps its arena of activations. Images go one by one, so that it stops growing
   * with the first image of every task that runs at a time; without it, shrunk after each run, or
   * with the weights outside of it, the peak is the same.
   *
   * @param threads threads of one run
   * @throws NoisyQuantException MODEL_RUN_FAILED if ONNX Runtime refuses the model
   */
  public static ModelRunner open(Path model, int threads) {
    try (OrtSession.SessionOptions options = new OrtSession.SessionOptions()) {
      options.setIntraOpNumThreads(threads);
      options.setInterOpNumThreads(1);
      options.addConfigEntry("session.x64quantprecision", "1");
      OrtSession session = OrtEnvironment.getEnvironment().createSession(model.toString(), options);
      Set<String> inputs = session.getInputNames();
      if (inputs.size() != 1) {
        session.close();
        throw new NoisyQuantException(
            ErrorCode.MODEL_UNSUPPORTED,
            model + " has the inputs " + inputs + "; one image input is supported");
      }
      return new ModelRunner(model.toString(), session, inputs.iterator().next());
    } catch (OrtException e) {
      throw failed(model.toString(), e);
    }
  }

  /** Version of ONNX Runtime. */
  public static String version() {
    return OrtEnvironment.getEnvironment().getVersion();
  }

  /**
   * Opens a run.
   *
   * @param height of the image, in pixels
   * @param width of the image, in pixels
   * @param outputs names of the outputs to compute, in this order
   */
  public Run newRun(int height, int width, List<String> outputs) {
    return new Run(new Format(height, width, List.copyOf(outputs)));
  }

  @Override
  public void close() {
    synchronized (idle) {
      idle.values().forEach(IdleBuffers::close);
    }
    try {
      session.close();
    } catch (OrtException e) {
      throw failed(where, e);
    }
  }

  static NoisyQuantException failed(String where, OrtException e) {
    // The cause stays behind: its class may be unknown where the exception is read.
    return new NoisyQuantException(
        ErrorCode.MODEL_RUN_FAILED,
        "ONNX Runtime cannot run "
            + where
            + ": "
            + e.getMessage()
            + "; check that the model runs in ONNX Runtime on its own");
  }

  private IdleBuffers<ImageBuffers> idle(Format format) {
    synchronized (idle) {
      return idle.computeIfAbsent(format, f -> new IdleBuffers<>());
    }
  }

  /** What buffers are made for. */
  private record Format(int height, int width, List<String> outputs) {}

  /**
   * Repeated runs with the same input size: input and outputs live in off-heap buffers, which the
   * next run of that size and these outputs takes over. Not thread-safe.
   */
  public final class Run implements AutoCloseable {
    private final Format format;
    private final int pixels;
    private ImageBuffers buffers;

    private Run(Format format) {
      this.format = format;
      pixels = 3 * format.height * format.width;
      buffers = idle(format).take().orElseGet(this::newBuffers);
    }

    private ImageBuffers newBuffers() {
      try {
        return new ImageBuffers(format.height, format.width);
      } catch (OrtException e) {
        throw failed(where, e);
      }
    }

    /**
     * Runs one image.
     *
     * @param image normalised pixels [3, height, width]
     * @throws NoisyQuantException MODEL_RUN_FAILED
     */
    public void run(float[] image) {
      if (image.length != pixels) {
        throw new IllegalArgumentException(image.length + " values for " + pixels + " pixels");
      }
      try {
        buffers.run(session, input, format.outputs, image);
      } catch (OrtException e) {
        throw failed(where, e);
      }
    }

    /** Shape of an output of the last run, batch axis included. */
    public long[] shape(int output) {
      return buffers.shape(output).clone();
    }

    /** Number of values of an output of the last run. */
    public int size(int output) {
      return buffers.output(output).capacity();
    }

    /** Copies an output of the last run to the start of {@code target}. */
    public void copyTo(int output, float[] target) {
      FloatBuffer buffer = buffers.output(output);
      buffer.get(0, target, 0, buffer.capacity());
    }

    /** An output of the last run as a new array. */
    public float[] values(int output) {
      float[] values = new float[size(output)];
      copyTo(output, values);
      return values;
    }

    @Override
    public void close() {
      if (buffers == null) {
        return;
      }
      if (buffers.isComplete()) {
        idle(format).leave(buffers);
      } else {
        buffers.close();
      }
      buffers = null;
    }
  }
}
