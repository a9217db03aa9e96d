package org.noisyquant.runtime;

import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.BufferedReader;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.noisyquant.error.NoisyQuantException;

/**
 * The process of {@link ModelTrial}. Reads lines until the end of its input, runs a model on an
 * image of zeros for each, and answers with a line {@link #MARK} {@code CODE message} or {@link
 * #MARK} {@code OK result}. The lines:
 *
 * <ul>
 *   <li>{@link #SIZES} {@code height,width outputs model}: the result are the numbers of values of
 *       these outputs. Outputs and sizes are separated by commas.
 *   <li>{@link #VALUES} {@code shape file model}: all outputs are written to the file, and the
 *       result is their number.
 * </ul>
 */
final class TrialProcess {
  /** What tells an answer from what libraries print. */
  static final String MARK = "noisyquant-trial: ";

  /** The model ran; the result follows. */
  static final String OK = "OK ";

  /** Asks for the sizes of some outputs. */
  static final String SIZES = "SIZES";

  /** Asks for the values of all outputs. */
  static final String VALUES = "VALUES";

  private static final int FIELDS = 4;

  private TrialProcess() {}

  /** Answers until there are no more questions. */
  public static void main(String[] arguments) throws IOException {
    PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
    BufferedReader in =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      out.println(MARK + answer(line.split(" ", FIELDS)).replaceAll("\\R", " "));
    }
  }

  private static String answer(String[] fields) throws IOException {
    long[] dims = Arrays.stream(fields[1].split(",")).mapToLong(Long::parseLong).toArray();
    String what = fields[2];
    Path model = Path.of(ModelTrial.decoded(fields[3]));
    try {
      return OK
          + (fields[0].equals(VALUES)
              ? write(model, Path.of(ModelTrial.decoded(what)), dims)
              : sizes(model, Math.toIntExact(dims[0]), Math.toIntExact(dims[1]), what));
    } catch (NoisyQuantException e) {
      return e.code() + " " + e.getMessage();
    }
  }

  private static String sizes(Path model, int height, int width, String names) {
    List<String> outputs = Arrays.stream(names.split(",")).map(ModelTrial::decoded).toList();
    try (ModelRunner runner = ModelRunner.open(model, 1);
        ModelRunner.Run run = runner.newRun(height, width, outputs)) {
      run.run(new float[3 * height * width]);
      return IntStream.range(0, outputs.size())
          .mapToObj(output -> String.valueOf(run.size(output)))
          .collect(Collectors.joining(","));
    }
  }

  private static int write(Path model, Path file, long... shape) throws IOException {
    int count = 0;
    try (DataOutputStream out =
        new DataOutputStream(new BufferedOutputStream(Files.newOutputStream(file)))) {
      for (Map.Entry<String, float[]> output : FoldProbe.run(model, shape).entrySet()) {
        out.writeUTF(output.getKey());
        out.writeInt(output.getValue().length);
        for (float value : output.getValue()) {
          out.writeFloat(value);
        }
        count++;
      }
    }
    return count;
  }

  /** Outputs by name, from the file that {@link #VALUES} made. */
  static Map<String, float[]> values(Path file, int count) {
    Map<String, float[]> outputs = new HashMap<>();
    try (DataInputStream in =
        new DataInputStream(new BufferedInputStream(Files.newInputStream(file)))) {
      for (int i = 0; i < count; i++) {
        String name = in.readUTF();
        float[] values = new float[in.readInt()];
        for (int k = 0; k < values.length; k++) {
          values[k] = in.readFloat();
        }
        outputs.put(name, values);
      }
      return outputs;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
