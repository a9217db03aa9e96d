package org.noisyquant.spark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.noisyquant.error.ErrorCode.CONFIG_UNREADABLE;
import static org.noisyquant.error.ErrorCode.IMAGE_TABLE_INVALID;
import static org.noisyquant.error.ErrorCode.INVALID_VALUE;
import static org.noisyquant.error.ErrorCode.LABELS_INVALID;
import static org.noisyquant.error.ErrorCode.MODEL_NOT_FOUND;
import static org.noisyquant.error.ErrorCode.MODEL_RUN_FAILED;
import static org.noisyquant.error.ErrorCode.MODEL_UNREADABLE;
import static org.noisyquant.error.ErrorCode.MODEL_UNSUPPORTED;
import static org.noisyquant.error.ErrorCode.NO_IMAGES;
import static org.noisyquant.error.ErrorCode.NO_QUANTIZABLE_LAYER;
import static org.noisyquant.error.ErrorCode.OUTPUT_EXISTS;
import static org.noisyquant.error.ErrorCode.PREPROCESSING_INVALID;
import static org.noisyquant.error.ErrorCode.TOO_MANY_BAD_IMAGES;
import static org.noisyquant.error.ErrorCode.UNKNOWN_KEY;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.noisyquant.error.ErrorCode;
import org.noisyquant.spark.TestJob.Ended;
import org.noisyquant.spark.testing.LocalSpark;
import org.noisyquant.testing.GraphBuilder;
import org.noisyquant.testing.TestData;

/** What a user gets who got something wrong: the whole program, one mistake at a time. */
class BadInputIT {
  @TempDir static Path folder;

  private static TestJob job;
  private static int runs;

  /** One mistake: a good command line with some flags changed, and what must come of it. */
  private static final class Mistake {
    private final ErrorCode code;
    private final int exitCode;
    private final List<String> words;
    private final Map<String, String> flags = new LinkedHashMap<>();
    private String command = "calibrate";

    Mistake(int exitCode, ErrorCode code, String... words) {
      this.exitCode = exitCode;
      this.code = code;
      this.words = List.of(words);
      List<String> fashion = TestJob.fashion("fashion_vit.onnx");
      flags.put("--model", fashion.get(1));
      flags.put("--preprocessing", fashion.get(3));
      flags.put("--images", file("images"));
      flags.put("--config", file("coarse.conf"));
    }

    Mistake with(String flag, String value) {
      flags.put(flag, value);
      return this;
    }

    Mistake without(String flag) {
      flags.remove(flag);
      return this;
    }

    Mistake evaluating(String quantized) {
      command = "evaluate";
      return with("--quantized", quantized);
    }

    List<String> commandLine(String output) {
      Map<String, String> all = new LinkedHashMap<>(flags);
      all.putIfAbsent("--output", output);
      List<String> line = new ArrayList<>(List.of(command));
      all.forEach((flag, value) -> line.addAll(List.of(flag, value)));
      return line;
    }
  }

  @BeforeAll
  static void writeInput() throws IOException {
    job = new TestJob(folder);
    Path images = job.images("images", 4);
    TestJob.write(folder.resolve("coarse.conf"), TestJob.COARSE);
    byte[] model = TestData.fashionBytes("fashion_vit.onnx");
    Files.write(folder.resolve("truncated.onnx"), Arrays.copyOf(model, model.length / 2));
    Files.write(folder.resolve("empty.onnx"), new byte[0]);
    Files.copy(TestJob.fashionImages().get(0), folder.resolve("picture.onnx"));
    Files.write(folder.resolve("no-linear.onnx"), withoutLinearLayer());
    TestJob.write(
        folder.resolve("size4.json"),
        "{\"do_resize\": true, \"size\": {\"height\": 4, \"width\": 4}, \"resample\": 2,"
            + " \"image_mean\": [0, 0, 0], \"image_std\": [1, 1, 1]}");
    Files.createDirectory(folder.resolve("nothing"));
    Path texts = Files.createDirectory(folder.resolve("texts"));
    TestJob.write(texts.resolve("readme.txt"), "no image");
    Path damaged = Files.createDirectory(folder.resolve("damaged"));
    for (Path image : TestJob.fashionImages().subList(0, 3)) {
      Files.copy(image, damaged.resolve(image.getFileName()));
    }
    TestJob.write(damaged.resolve("bad.png"), "no image either");
    TestJob.write(folder.resolve("mistyped.conf"), "noisyquant.quantization.weigthBits = 6");
    TestJob.write(folder.resolve("not-hocon.conf"), "noisyquant { model = ");
    String known = images.toFile().list()[0];
    TestJob.write(folder.resolve("one-label.csv"), "file,label\n" + known + ",3\n");
    StringBuilder beyond = new StringBuilder("file,label\n");
    for (String name : images.toFile().list()) {
      beyond.append(name).append(",10\n");
    }
    TestJob.write(folder.resolve("beyond.csv"), beyond.toString());
    TestJob.write(folder.resolve("named.csv"), "file,label\n" + known + ",Shoe\n");
    TestJob.write(folder.resolve("ten.txt"), "a\nb\nc\nd\ne\nf\ng\nh\ni\nShoes\n");
    TestJob.write(folder.resolve("three.txt"), "a\nb\nc\n");
    LocalSpark.session().range(3).write().parquet(file("other.parquet"));
    TestJob.write(folder.resolve("text.parquet"), "no Parquet");
    Path finished = Files.createDirectory(folder.resolve("finished"));
    TestJob.write(finished.resolve("_noisyquant"), "model.onnx\n");
    TestJob.write(finished.resolve("model.onnx"), "results of before");
    TestJob.write(finished.resolve("_SUCCESS"), "");
    Path foreign = Files.createDirectory(folder.resolve("foreign"));
    TestJob.write(foreign.resolve("thesis.tex"), "years of work");
  }

  private static byte[] withoutLinearLayer() {
    return new GraphBuilder(17)
        .image()
        .node("ReduceMean", List.of("pixel_values"), "mean", Map.of("axes", new long[] {2, 3}))
        .node("Flatten", List.of("mean"), "logits")
        .output("logits", GraphBuilder.ANY, 3)
        .bytes();
  }

  private static String file(String name) {
    return folder.resolve(name).toString();
  }

  static Stream<Named<Mistake>> mistakes() {
    Map<String, Mistake> all = new LinkedHashMap<>();
    all.put(
        "there is no model",
        new Mistake(3, MODEL_NOT_FOUND, "absent.onnx", "model.path")
            .with("--model", file("absent.onnx")));
    all.put(
        "the model is a folder",
        new Mistake(3, MODEL_NOT_FOUND, "nothing", "is a folder").with("--model", file("nothing")));
    all.put(
        "the model is a picture",
        new Mistake(3, MODEL_UNREADABLE, "picture.onnx", "no ONNX model")
            .with("--model", file("picture.onnx")));
    all.put(
        "the model is cut short",
        new Mistake(3, MODEL_UNREADABLE, "truncated.onnx", "complete ONNX file")
            .with("--model", file("truncated.onnx")));
    all.put(
        "the model is an empty file",
        new Mistake(3, MODEL_UNREADABLE, "empty.onnx").with("--model", file("empty.onnx")));
    all.put(
        "every layer is excluded",
        new Mistake(3, NO_QUANTIZABLE_LAYER, "fashion_vit.onnx", "quantization.include", "[*]")
            .with("--exclude", "*"));
    all.put(
        "the model has no linear layer",
        new Mistake(3, NO_QUANTIZABLE_LAYER, "no-linear.onnx", "has 0 activation sites")
            .with("--model", file("no-linear.onnx"))
            .with("--preprocessing", file("size4.json")));
    all.put(
        "there is no folder of images",
        new Mistake(3, NO_IMAGES, "absent", "nothing is there", "images.path (--images)")
            .with("--images", file("absent")));
    all.put(
        "the folder of images is empty",
        new Mistake(3, NO_IMAGES, "nothing", "*.png").with("--images", file("nothing")));
    all.put(
        "the folder of images holds texts only",
        new Mistake(3, NO_IMAGES, "texts", "*.png").with("--images", file("texts")));
    all.put(
        "one image in four is damaged",
        new Mistake(3, TOO_MANY_BAD_IMAGES, "1 of 4", "bad.png", "images.maxBadFraction")
            .with("--images", file("damaged")));
    for (String bits : List.of("1", "9", "x")) {
      all.put(
          "weights have " + bits + " bits",
          new Mistake(2, INVALID_VALUE, "--weight-bits", '"' + bits + '"', "from 2 to 8")
              .with("--weight-bits", bits));
      all.put(
          "activations have " + bits + " bits",
          new Mistake(2, INVALID_VALUE, "--activation-bits", '"' + bits + '"', "from 2 to 8")
              .with("--activation-bits", bits));
    }
    all.put(
        "there is no such preset",
        new Mistake(2, INVALID_VALUE, "preset (--preset)", "fastest", "balanced or best or paper")
            .with("--preset", "fastest"));
    all.put(
        "there is no such noise",
        new Mistake(2, INVALID_VALUE, "noise.kind (--noise)", "gaussian", "none or optimized")
            .with("--noise", "gaussian"));
    all.put(
        "there is no such rounding of weights",
        new Mistake(
                2, INVALID_VALUE, "weights.rounding (--weight-rounding)", "floor", "gptq or minmax")
            .with("--weight-rounding", "floor"));
    all.put(
        "a flag is mistyped",
        new Mistake(2, UNKNOWN_KEY, "--activation-bit", "nearest is --activation-bits")
            .with("--activation-bit", "6"));
    all.put(
        "a key is mistyped",
        new Mistake(2, UNKNOWN_KEY, "weigthBits", "nearest is noisyquant.quantization.weightBits")
            .with("--config", file("mistyped.conf")));
    all.put(
        "there is no configuration file",
        new Mistake(2, CONFIG_UNREADABLE, "absent.conf").with("--config", file("absent.conf")));
    all.put(
        "the configuration file is no HOCON",
        new Mistake(2, CONFIG_UNREADABLE, "not-hocon.conf", "HOCON")
            .with("--config", file("not-hocon.conf")));
    all.put(
        "the output folder has results",
        new Mistake(2, OUTPUT_EXISTS, "finished", "--overwrite")
            .with("--output", file("finished")));
    all.put(
        "the output folder has the files of somebody else",
        new Mistake(2, OUTPUT_EXISTS, "foreign", "empty folder").with("--output", file("foreign")));
    all.put(
        "the output folder is a file",
        new Mistake(2, OUTPUT_EXISTS, "size4.json").with("--output", file("size4.json")));
    all.put(
        "nothing says how images are preprocessed",
        new Mistake(3, PREPROCESSING_INVALID, "preprocessor_config.json", "--preprocessing")
            .without("--preprocessing"));
    all.put(
        "there is no preprocessing file",
        new Mistake(3, PREPROCESSING_INVALID, "absent.json", "--preprocessing")
            .with("--preprocessing", file("absent.json")));
    all.put(
        "the preprocessing gives images of another size",
        new Mistake(3, PREPROCESSING_INVALID, "preprocessor_config_swin.json", "32", "28")
            .with("--preprocessing", TestJob.fashion("fashion_swin.onnx").get(3)));
    all.put(
        "the preprocessing is no JSON",
        new Mistake(3, PREPROCESSING_INVALID, "one-label.csv")
            .with("--preprocessing", file("one-label.csv")));
    all.put(
        "an image has no label",
        new Mistake(3, LABELS_INVALID, "one-label.csv", "no label for", "2 more images")
            .with("--labels", file("one-label.csv")));
    all.put(
        "a label is beyond the classes",
        new Mistake(3, LABELS_INVALID, "beyond.csv", "the label 10", "0 to 9")
            .with("--labels", file("beyond.csv")));
    all.put(
        "a label is a name and nothing says which classes there are",
        new Mistake(3, LABELS_INVALID, "named.csv, line 2", "'Shoe'", "--classes")
            .with("--labels", file("named.csv")));
    all.put(
        "a label is no class of the list",
        new Mistake(3, LABELS_INVALID, "'Shoe'", "ten.txt", "the nearest is 'Shoes'")
            .with("--labels", file("named.csv"))
            .with("--classes", file("ten.txt")));
    all.put(
        "the class list is of another model",
        new Mistake(3, LABELS_INVALID, "three.txt has 3 classes", "the model has 10")
            .with("--classes", file("three.txt")));
    all.put(
        "the folders are no classes",
        new Mistake(3, LABELS_INVALID, "images", "folder of its class")
            .with("--labels", "folders"));
    all.put(
        "the table of images has other columns",
        new Mistake(3, IMAGE_TABLE_INVALID, "other.parquet", "path:string is needed", "pack")
            .with("--images", file("other.parquet")));
    all.put(
        "the table of images is no Parquet",
        new Mistake(3, IMAGE_TABLE_INVALID, "text.parquet", "not a Parquet file", "--images")
            .with("--images", file("text.parquet")));
    all.put(
        "there is no labels file",
        new Mistake(3, LABELS_INVALID, "absent.csv", "--labels")
            .with("--labels", file("absent.csv")));
    all.put(
        "there are no evaluation images",
        new Mistake(3, NO_IMAGES, "absent", "evaluation.path (--evaluation-images)")
            .with("--evaluation-images", file("absent")));
    all.put(
        "there is no model to evaluate",
        new Mistake(3, MODEL_NOT_FOUND, "absent.onnx", "evaluation.models (--quantized)")
            .evaluating(file("absent.onnx")));
    all.put(
        "the model to evaluate is a picture",
        new Mistake(3, MODEL_RUN_FAILED, "model picture cannot be evaluated")
            .evaluating(file("picture.onnx")));
    all.put(
        "the model to evaluate takes images of another size",
        new Mistake(3, MODEL_RUN_FAILED, "fashionswin", "28")
            .evaluating(TestData.fashion("fashion_swin.onnx").toString()));
    all.put(
        "the FP32 model is quantized already",
        new Mistake(3, MODEL_UNSUPPORTED, "quantized already", "FP32 model")
            .with("--model", quantizedModel()));
    return all.entrySet().stream().map(entry -> Named.of(entry.getKey(), entry.getValue()));
  }

  private static String quantizedModel() {
    byte[] model =
        new GraphBuilder(17)
            .image()
            .floats("scale", new long[0], 0.1f)
            .node("QuantizeLinear", List.of("pixel_values", "scale"), "q")
            .node("DequantizeLinear", List.of("q", "scale"), "dq")
            .node("ReduceMean", List.of("dq"), "mean", Map.of("axes", new long[] {2, 3}))
            .node("Flatten", List.of("mean"), "logits")
            .output("logits", GraphBuilder.ANY, 3)
            .bytes();
    try {
      return Files.write(folder.resolve("quantized.onnx"), model).toString();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("mistakes")
  void isExplainedAndLeavesNothingHalfWritten(Mistake mistake) {
    String output = "out" + runs++;
    Path given = Path.of(mistake.flags.getOrDefault("--output", folder.resolve(output).toString()));
    Map<String, String> before = content(given);
    Ended ended = job.run(output, mistake.commandLine(given.toString()));

    assertThat(ended.err().lines().findFirst().orElse(""))
        .startsWith("ERROR " + mistake.code + ": ")
        .contains(mistake.words);
    assertThat(ended.exitCode()).isEqualTo(mistake.exitCode);
    assertThat(ended.out()).isEmpty();
    JsonNode metrics;
    if (before.isEmpty()) {
      assertThat(content(given)).containsOnlyKeys("_noisyquant", "metrics.json");
      metrics = TestJob.json(given.resolve("metrics.json"));
    } else {
      assertThat(content(given)).isEqualTo(before);
      metrics = TestJob.json(given.resolveSibling(given.getFileName() + ".failed-metrics.json"));
    }
    assertThat(metrics.get("status").asText()).isEqualTo("failed");
    assertThat(metrics.get("exit.code").asInt()).isEqualTo(mistake.exitCode);
    assertThat(metrics.get("error.code").asText()).isEqualTo(mistake.code.name());
    assertThat(metrics.get("error.message").asText()).contains(mistake.words);
  }

  /** Relative path and text of every file of a folder; of the file itself where it is one. */
  private static Map<String, String> content(Path path) {
    Map<String, String> content = new TreeMap<>();
    if (Files.exists(path)) {
      try (Stream<Path> files = Files.walk(path)) {
        files
            .filter(Files::isRegularFile)
            .forEach(file -> content.put(path.relativize(file).toString(), TestJob.text(file)));
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
    return content;
  }
}
