package org.noisyquant.spark;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.noisyquant.result.CalibrationResult;
import org.noisyquant.spark.testing.LocalSpark;
import org.noisyquant.testing.TestData;

/**
 * The program as a user runs it, with its real commands, on the shared local Spark. Calibrations
 * are small: a coarse grid, half of the tokens, W6A6, few resamples.
 *
 * @param folder where configuration files and results go
 */
record TestJob(Path folder) {
  /** Keys of a coarse search. */
  static final String COARSE =
      """
      noisyquant {
        quantization { weightBits = 6, activationBits = 6 }
        preset = paper
        search { clipCandidates = 8, shiftCandidates = 4, rangeCandidates = 6, tokenFraction = 0.5 }
        evaluation.bootstrapReplicates = 20
      }
      """;

  /** Keys of the preset with most stages. */
  static final String BEST =
      """
      noisyquant {
        quantization { weightBits = 6, activationBits = 6 }
        preset = best
        evaluation.bootstrapReplicates = 20
      }
      """;

  private static final ObjectMapper JSON = new ObjectMapper();

  /** What a run left behind. */
  record Ended(int exitCode, String out, String err, Path output) {
    byte[] bytes(String file) {
      try {
        return Files.readAllBytes(output.resolve(file));
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }

    JsonNode metrics() {
      return json(output.resolve("metrics.json"));
    }

    /** calibration.json but for the block that says where and when it was made. */
    JsonNode reproducible() {
      ObjectNode calibration = (ObjectNode) json(output.resolve("calibration.json"));
      calibration.remove("run");
      return calibration;
    }

    CalibrationResult calibration() {
      Path file = output.resolve("calibration.json");
      return CalibrationResult.fromJson(text(file), file.toString());
    }
  }

  /** Runs any command line. */
  Ended run(String output, List<String> args) {
    LocalSpark.session();
    StringWriter out = new StringWriter();
    StringWriter err = new StringWriter();
    int exitCode =
        new NoisyQuantJob(NoisyQuantJob.commands(), new PrintWriter(out), new PrintWriter(err))
            .run(args.toArray(new String[0]));
    return new Ended(exitCode, out.toString(), err.toString(), folder.resolve(output));
  }

  /**
   * Calibrates one of the Fashion-MNIST models on a folder of images.
   *
   * @param output name of the results' folder
   * @param model file name of the model
   * @param flags more of the command line
   */
  Ended calibrate(String output, String model, Path images, String... flags) {
    return calibrate(output, COARSE, model, images, flags);
  }

  /** The same with other keys. */
  Ended calibrate(String output, String keys, String model, Path images, String... flags) {
    Path config = folder.resolve(output + ".conf");
    write(config, keys);
    List<String> args = calibration(config, model, images, folder.resolve(output));
    args.addAll(List.of(flags));
    return run(output, args);
  }

  /** The command line of a calibration of one of the Fashion-MNIST models. */
  static List<String> calibration(Path config, String model, Path images, Path output) {
    List<String> args =
        new ArrayList<>(List.of("calibrate", "--config", config.toString(), "--images"));
    args.addAll(List.of(images.toString(), "--output", output.toString()));
    args.addAll(fashion(model));
    return args;
  }

  /** The flags that name a model of the test files and its preprocessing. */
  static List<String> fashion(String model) {
    String preprocessing = model.contains("swin") ? "swin" : "vit";
    return List.of(
        "--model",
        TestData.fashion(model).toString(),
        "--preprocessing",
        TestData.fashion("preprocessor_config_" + preprocessing + ".json").toString());
  }

  /** A new folder with the first images of the Fashion-MNIST calibration images. */
  Path images(String name, int count) {
    Path target = folder.resolve(name);
    try {
      Files.createDirectories(target);
      for (Path image : fashionImages().subList(0, count)) {
        Files.copy(image, target.resolve(image.getFileName()));
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return target;
  }

  /** The Fashion-MNIST calibration images, sorted by name. */
  static List<Path> fashionImages() {
    try (Stream<Path> files = Files.list(TestData.fashion("calibration"))) {
      return files.filter(f -> f.toString().endsWith(".png")).sorted().toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static JsonNode json(Path file) {
    try {
      return JSON.readTree(text(file));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static String text(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static void write(Path file, String text) {
    try {
      Files.writeString(file, text);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
