package org.noisyquant.runtime;

import ai.onnxruntime.OrtEnvironment;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.Writer;
import java.net.URISyntaxException;
import java.net.URL;
import java.net.URLDecoder;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.CodeSource;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.Collectors;
import org.noisyquant.error.ErrorCode;
import org.noisyquant.error.NoisyQuantException;
import org.noisyquant.graph.ModelGraph;
import org.noisyquant.onnx.ActivationTaps;
import org.noisyquant.onnx.OnnxFile;
import org.noisyquant.onnx.OnnxModel;

/**
 * Runs models once in a process of their own before they run in this one: ONNX Runtime can abort
 * its process on a damaged model, or not come back, and would take a driver with all that it has
 * computed, or one executor after the other, with it.
 *
 * <p>The process is a second JVM of the same Java with ONNX Runtime and this package. Where that
 * cannot be started (the classes are in no local file, no {@code bin/java}), models are not tried.
 * Not thread-safe.
 */
public final class ModelTrial implements AutoCloseable {
  private static final Duration PATIENCE = Duration.ofMinutes(10);

  private final Duration patience;
  private final TemporaryFolder folder;
  private Process process;
  private Writer questions;
  private BufferedReader answers;

  private ModelTrial(Duration patience, TemporaryFolder folder) {
    this.patience = patience;
    this.folder = folder;
  }

  /** Opens a trial; its process starts with the first model. */
  public static ModelTrial open() {
    return open(PATIENCE);
  }

  /**
   * Opens a trial.
   *
   * @param patience how long loading and running one model may take
   */
  static ModelTrial open(Duration patience) {
    return new ModelTrial(patience, TemporaryFolder.create("noisyquant-trial"));
  }

  /**
   * Runs one FP32 model, as {@link #run} does, with all its sites as outputs.
   *
   * @param name how to call it in messages
   * @return how many values the activation of each site has for one image, in the order of the
   *     sites; nothing where models cannot be tried
   */
  public static Optional<List<Long>> once(String name, OnnxModel model) {
    ModelGraph graph = model.graph();
    List<String> outputs = new ArrayList<>(List.of(graph.output()));
    graph.sites().forEach(site -> outputs.add(site.tensor()));
    OnnxFile tapped = ActivationTaps.addTo(model, outputs.subList(1, outputs.size()));
    try (ModelTrial trial = open()) {
      return trial
          .run(name, tapped, graph.height(), graph.width(), outputs)
          .map(sizes -> sizes.subList(1, sizes.size()));
    }
  }

  /**
   * Runs a model on an image of zeros.
   *
   * @param name how to call the model in messages
   * @param model the files; they are written to the temporary folder
   * @param graph what its image and its output are, or are to be
   * @throws NoisyQuantException MODEL_RUN_FAILED if ONNX Runtime refuses the model, crashes on it
   *     or does not finish; MODEL_UNSUPPORTED if it has not one input
   */
  public void run(String name, OnnxFile model, ModelGraph graph) {
    run(name, model, graph.height(), graph.width(), List.of(graph.output()));
  }

  /** Returns how many values each output has. */
  Optional<List<Long>> run(
      String name, OnnxFile model, int height, int width, List<String> outputs) {
    String encoded = outputs.stream().map(ModelTrial::encoded).collect(Collectors.joining(","));
    return ask(name, model, TrialProcess.SIZES, height + "," + width + " " + encoded)
        .map(sizes -> Arrays.stream(sizes.split(",")).map(Long::valueOf).toList());
  }

  /**
   * All outputs of a model, which are float, for an image of zeros.
   *
   * @param name how to call the model in messages
   * @param shape of the image
   * @return outputs by name, row-major; nothing where models cannot be tried
   * @throws NoisyQuantException as {@link #run}
   */
  Optional<Map<String, float[]>> values(String name, OnnxFile model, long... shape) {
    String dims = Arrays.stream(shape).mapToObj(Long::toString).collect(Collectors.joining(","));
    Path values = folder.path().resolve("values");
    return ask(name, model, TrialProcess.VALUES, dims + " " + encoded(values.toString()))
        .map(count -> TrialProcess.values(values, Integer.parseInt(count)));
  }

  private Optional<String> ask(String name, OnnxFile model, String question, String fields) {
    Optional<List<Path>> classPath = classPath();
    if (classPath.isEmpty()) {
      return Optional.empty();
    }
    Path file = folder.write("model.onnx", model);
    try {
      if (process == null && !start(classPath.get())) {
        return Optional.empty();
      }
      questions.write(question + " " + fields + " " + encoded(file.toString()) + "\n");
      questions.flush();
      return Optional.of(checked(name, answer(name)));
    } catch (IOException e) {
      throw crashed(name, "");
    }
  }

  /** Ends the process and removes its files. */
  @Override
  public void close() {
    stop();
    folder.close();
  }

  static String encoded(String text) {
    return URLEncoder.encode(text, StandardCharsets.UTF_8);
  }

  static String decoded(String text) {
    return URLDecoder.decode(text, StandardCharsets.UTF_8);
  }

  private boolean start(List<Path> classPath) {
    ProcessBuilder builder =
        new ProcessBuilder(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-Xmx256m",
            "-XX:MaxDirectMemorySize=1g",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "-XX:-CreateCoredumpOnCrash",
            "-XX:ErrorFile=" + folder.path().resolve("crash.log"),
            "-Djava.io.tmpdir=" + folder.path(),
            "-cp",
            String.join(
                System.getProperty("path.separator"),
                classPath.stream().map(Path::toString).toList()),
            TrialProcess.class.getName());
    String natives = System.getProperty("onnxruntime.native.path");
    if (natives != null) {
      builder.command().add(1, "-Donnxruntime.native.path=" + natives);
    }
    try {
      process = builder.directory(folder.path().toFile()).redirectErrorStream(true).start();
    } catch (IOException e) {
      return false;
    }
    questions = process.outputWriter(StandardCharsets.UTF_8);
    answers =
        new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
    return true;
  }

  private void stop() {
    if (process != null) {
      process.destroyForcibly();
      process.onExit().join();
      process = null;
    }
  }

  /** What the process says of the model. */
  private String answer(String name) {
    List<String> printed = new ArrayList<>();
    CompletableFuture<Optional<String>> line = CompletableFuture.supplyAsync(() -> read(printed));
    try {
      return line.get(patience.toMillis(), TimeUnit.MILLISECONDS)
          .orElseThrow(
              () -> crashed(name, printed.isEmpty() ? "" : printed.get(printed.size() - 1)));
    } catch (TimeoutException e) {
      stop();
      throw failed(
          "model "
              + name
              + " did not come back from ONNX Runtime within "
              + patience.toSeconds()
              + " s");
    } catch (ExecutionException e) {
      throw crashed(name, "");
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      stop();
      throw failed("the trial of model " + name + " was interrupted");
    }
  }

  /** The next answer; nothing at the end. */
  private Optional<String> read(List<String> printed) {
    try {
      for (String line = answers.readLine(); line != null; line = answers.readLine()) {
        if (line.startsWith(TrialProcess.MARK)) {
          return Optional.of(line.substring(TrialProcess.MARK.length()));
        }
        printed.add(line);
      }
      return Optional.empty();
    } catch (IOException e) {
      return Optional.empty();
    }
  }

  private String checked(String name, String answer) {
    if (!answer.startsWith(TrialProcess.OK)) {
      int space = answer.indexOf(' ');
      throw new NoisyQuantException(
          ErrorCode.valueOf(answer.substring(0, space)),
          answer
              .substring(space + 1)
              .replace(folder.path().resolve("model.onnx").toString(), name));
    }
    return answer.substring(TrialProcess.OK.length());
  }

  private NoisyQuantException crashed(String name, String last) {
    stop();
    return failed(
        "ONNX Runtime crashed on model " + name + (last.isEmpty() ? "" : " (" + last + ")"));
  }

  private static NoisyQuantException failed(String what) {
    return new NoisyQuantException(
        ErrorCode.MODEL_RUN_FAILED, what + "; check the file, and that it runs in ONNX Runtime");
  }

  /** Where this package and ONNX Runtime are; nothing if one of them is in no local file. */
  private static Optional<List<Path>> classPath() {
    Set<Path> places = new LinkedHashSet<>();
    for (Class<?> needed : List.of(ModelTrial.class, OrtEnvironment.class)) {
      CodeSource source = needed.getProtectionDomain().getCodeSource();
      URL place = source == null ? null : source.getLocation();
      if (place == null || !place.getProtocol().equals("file")) {
        return Optional.empty();
      }
      try {
        places.add(Path.of(place.toURI()));
      } catch (URISyntaxException e) {
        return Optional.empty();
      }
    }
    return Optional.of(List.copyOf(places));
  }
}
