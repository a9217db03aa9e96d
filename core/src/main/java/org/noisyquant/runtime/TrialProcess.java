package org.noisyquant.runtime;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.noisyquant.error.NoisyQuantException;

/**
 * The process of {@link ModelTrial}. Reads lines {@code height width outputs path} until the end of
 * its input, runs each model on an image of zeros, and answers each with a line {@link #MARK}
 * {@code CODE message}, or {@link #MARK} {@code OK sizes}: how many values each output has. Outputs
 * and sizes are separated by commas.
 */
final class TrialProcess {
  /** What tells an answer from what libraries print. */
  static final String MARK = "noisyquant-trial: ";

  /** The model ran; sizes follow. */
  static final String OK = "OK ";

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

  private static String answer(String[] fields) {
    int height = Integer.parseInt(fields[0]);
    int width = Integer.parseInt(fields[1]);
    List<String> outputs = Arrays.stream(fields[2].split(",")).map(ModelTrial::decoded).toList();
    try (ModelRunner runner = ModelRunner.open(Path.of(ModelTrial.decoded(fields[3])), 1);
        ModelRunner.Run run = runner.newRun(height, width, outputs)) {
      run.run(new float[3 * height * width]);
      return OK
          + IntStream.range(0, outputs.size())
              .mapToObj(output -> String.valueOf(run.size(output)))
              .collect(Collectors.joining(","));
    } catch (NoisyQuantException e) {
      return e.code() + " " + e.getMessage();
    }
  }
}
