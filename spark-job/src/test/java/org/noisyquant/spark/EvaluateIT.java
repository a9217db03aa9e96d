package org.noisyquant.spark;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.noisyquant.spark.TestJob.Ended;
import org.noisyquant.spark.testing.CapturedLog;
import org.noisyquant.testing.TestData;

/** {@code evaluate} by itself and within {@code calibrate}. */
class EvaluateIT {
  private static final String VIT = "fashion_vit.onnx";

  @TempDir static Path folder;

  private static TestJob job;
  private static Path images;
  private static Path evaluation;
  private static Ended calibrated;

  @BeforeAll
  static void calibrateAndEvaluate() throws IOException {
    job = new TestJob(folder);
    images = job.images("images", 8);
    evaluation = Files.createDirectory(folder.resolve("evaluation"));
    for (Path image : evaluationImages()) {
      Files.copy(image, evaluation.resolve(image.getFileName()));
    }
    Files.copy(TestData.fashion("evaluation/labels.csv"), evaluation.resolve("labels.csv"));
    calibrated = calibrate("calibrated", evaluation);
    assertThat(calibrated.exitCode()).as(calibrated.err()).isZero();
  }

  private static List<Path> evaluationImages() throws IOException {
    try (var files = Files.list(TestData.fashion("evaluation"))) {
      return files.filter(f -> f.toString().endsWith(".png")).sorted().toList();
    }
  }

  private static Ended calibrate(String output, Path evaluationImages) {
    List<String> flags = new ArrayList<>(List.of("--include", "blocks.0.*"));
    flags.addAll(List.of("--evaluation-images", evaluationImages.toString()));
    return job.calibrate(output, VIT, images, flags.toArray(new String[0]));
  }

  private static Ended evaluate(String output, String keys, Path on, String... quantized) {
    Path config = folder.resolve(output + ".conf");
    TestJob.write(config, TestJob.COARSE + keys);
    List<String> args = new ArrayList<>(List.of("evaluate", "--config", config.toString()));
    args.addAll(TestJob.fashion(VIT));
    args.addAll(List.of("--images", on.toString()));
    args.addAll(List.of("--output", folder.resolve(output).toString()));
    for (String file : quantized) {
      args.addAll(List.of("--quantized", calibrated.output().resolve(file).toString()));
    }
    return job.run(output, args);
  }

  @Test
  void evaluatingTheExportsGivesTheNumbersOfCalibrate() {
    Ended ended = evaluate("both", "", evaluation, "baseline.onnx", "model.onnx");
    assertThat(ended.exitCode()).as(ended.err()).isZero();
    Map<String, Double> expected = scores(calibrated, "noisyquant", "model");
    assertThat(scores(ended, "model", "model")).isEqualTo(expected);
    assertThat(expected)
        .containsKeys("fp32.top1", "baseline.kl", "model.kl", "model.sqnrDb", "model.kl.gain");
    assertThat(ended.metrics().get("evaluation.images").asInt()).isEqualTo(32);
    assertThat(ended.metrics().get("evaluation.quarantined").asInt()).isZero();
    assertThat(ended.out()).contains("32 images, 32 with labels", "model - baseline");
    assertThat(ended.out())
        .contains(TestJob.text(ended.output().resolve("evaluation.txt")).strip());
  }

  /** The metrics of the models, one of them under another name. */
  private static SortedMap<String, Double> scores(Ended ended, String model, String name) {
    SortedMap<String, Double> scores = new TreeMap<>();
    for (Map.Entry<String, JsonNode> metric : ended.metrics().properties()) {
      String key = metric.getKey().replaceFirst("^" + model + "\\.", name + ".");
      if (key.startsWith("fp32.") || key.startsWith("baseline.") || key.startsWith(name + ".")) {
        scores.put(key, metric.getValue().asDouble());
      }
    }
    return scores;
  }

  @Test
  void labelsByNameAreThoseByIndex() throws IOException {
    Path classes = TestData.fashion("classes.json");
    JsonNode garments = TestJob.json(classes);
    StringBuilder labels = new StringBuilder("file,label\n");
    for (String line : Files.readAllLines(evaluation.resolve("labels.csv")).subList(1, 33)) {
      int comma = line.indexOf(',');
      String name = garments.get(Integer.parseInt(line.substring(comma + 1))).asText();
      labels.append(line, 0, comma + 1).append(name).append('\n');
    }
    TestJob.write(folder.resolve("named.csv"), labels.toString());
    String keys =
        "noisyquant.evaluation { classes = \""
            + classes
            + "\", labels = \""
            + folder.resolve("named.csv")
            + "\" }";

    Ended ended = evaluate("named", keys, evaluation, "model.onnx");

    assertThat(ended.exitCode()).as(ended.err()).isZero();
    assertThat(ended.metrics().get("fp32.top1")).isEqualTo(calibrated.metrics().get("fp32.top1"));
  }

  @Test
  void labelsInAnotherOrderAreNoticedAndTheRightOnesAreNot() throws IOException {
    StringBuilder labels = new StringBuilder("file,label\n");
    for (String line : Files.readAllLines(evaluation.resolve("labels.csv")).subList(1, 33)) {
      int comma = line.indexOf(',');
      int next = (Integer.parseInt(line.substring(comma + 1)) + 1) % 10;
      labels.append(line, 0, comma + 1).append(next).append('\n');
    }
    Path shifted = folder.resolve("shifted.csv");
    TestJob.write(shifted, labels.toString());
    String keys = "noisyquant.evaluation.labels = \"" + shifted + "\"";
    try (CapturedLog log = CapturedLog.open()) {
      Ended right = evaluate("in-order", "", evaluation, "model.onnx");
      assertThat(log.lines()).isEmpty();
      Ended wrong = evaluate("shifted", keys, evaluation, "model.onnx");

      assertThat(log.lines())
          .singleElement()
          .asString()
          .startsWith("WARN the FP32 model has top-1 ")
          .contains("on 32 labelled images", "in another order than its logits");
      assertThat(wrong.metrics().get("fp32.confidence"))
          .isEqualTo(right.metrics().get("fp32.confidence"));
    }
  }

  @Test
  void withoutLabelsThereIsAllButAccuracy() {
    Ended ended = evaluate("no-labels", "", images, "model.onnx");

    assertThat(ended.exitCode()).as(ended.err()).isZero();
    assertThat(ended.metrics().has("model.kl")).isTrue();
    assertThat(ended.metrics().has("model.agreement")).isTrue();
    assertThat(ended.metrics().properties())
        .noneMatch(e -> e.getKey().matches(".*(top1|confidence)"));
    assertThat(ended.out()).contains("8 images, 0 with labels");
  }

  @Test
  void aGateThatFailsHasItsExitCodeAndKeepsTheResults() {
    Ended ended =
        evaluate(
            "gated", "noisyquant.gates { maxKl = 1e-9, minTop1 = 0 }", evaluation, "model.onnx");
    assertThat(ended.exitCode()).isEqualTo(4);
    assertThat(ended.err()).contains("ERROR GATE_FAILED: model.kl is").doesNotContain("minTop1");
    assertThat(ended.out()).contains("images evaluated");
    assertThat(ended.output()).isDirectoryContaining(f -> f.endsWith("_SUCCESS"));
    assertThat(ended.metrics().get("gates.passed").booleanValue()).isFalse();
  }

  @Test
  void aGateOnAccuracyIsRefusedWithoutLabels() {
    Ended ended = evaluate("unlabelled", "noisyquant.gates.minTop1 = 0.5", images, "model.onnx");
    assertThat(ended.exitCode()).isEqualTo(2);
    assertThat(ended.err()).contains("ERROR MISSING_VALUE", "gates.minTop1 is 0.5", "--labels");
  }

  @Test
  void oneModelTwiceHasTwoNamesAndNoDifference() {
    Ended ended = evaluate("twice", "", evaluation, "model.onnx", "model.onnx");
    JsonNode metrics = ended.metrics();
    assertThat(metrics.get("model2.kl")).isEqualTo(metrics.get("model.kl"));
    assertThat(metrics.get("model2.kl.difference").asDouble()).isZero();
    assertThat(metrics.get("model2.agreement.difference.low").asDouble()).isZero();
  }

  @Test
  void unreadableImagesAreCountedAndTheFirstIsNamed() throws IOException {
    Path damaged = damaged("some", 2);
    try (CapturedLog log = CapturedLog.open()) {
      Ended ended =
          evaluate("some-bad", "noisyquant.images.maxBadFraction = 0.5", damaged, "model.onnx");
      assertThat(ended.exitCode()).as(ended.err()).isZero();
      assertThat(ended.metrics().get("evaluation.images").asInt()).isEqualTo(4);
      assertThat(ended.metrics().get("evaluation.quarantined").asInt()).isEqualTo(2);
      assertThat(log.lines())
          .singleElement()
          .asString()
          .startsWith("WARN 2 of 6 evaluation images cannot be read; the first is bad0.png: ");
    }
  }

  @Test
  void copiesAmongTheImagesAreReported() throws IOException {
    Path images = damaged("twins", 0);
    Path first = evaluationImages().get(0);
    Files.copy(first, images.resolve("twin.png"));
    try (CapturedLog log = CapturedLog.open()) {
      Ended ended = evaluate("twins-out", "", images, "model.onnx");
      assertThat(ended.exitCode()).as(ended.err()).isZero();
      assertThat(ended.metrics().get("evaluation.duplicates").asInt()).isEqualTo(1);
      assertThat(ended.metrics().get("evaluation.images").asInt()).isEqualTo(5);
      assertThat(log.lines())
          .containsExactly(
              "WARN 1 of 5 evaluation images are copies of others (twin.png of "
                  + first.getFileName()
                  + ")");
    }
  }

  @Test
  void tooManyUnreadableImagesFailAnEvaluation() throws IOException {
    Ended ended = evaluate("bad", "", damaged("many", 1), "model.onnx");
    assertThat(ended.exitCode()).isEqualTo(3);
    assertThat(ended.err())
        .startsWith("ERROR TOO_MANY_BAD_IMAGES: 1 of 5 evaluation images cannot be read")
        .contains("bad0.png", "images.maxBadFraction = 0.05");
    assertThat(ended.metrics().get("error.code").asText()).isEqualTo("TOO_MANY_BAD_IMAGES");
    assertThat(ended.metrics().get("evaluation.quarantined").asInt()).isEqualTo(1);
    assertThat(ended.output().resolve("evaluation.txt")).doesNotExist();
  }

  @Test
  void unreadableEvaluationImagesDoNotThrowACalibrationAway() throws IOException {
    Path unreadable = damaged("unreadable", 3);
    for (Path image : evaluationImages()) {
      Files.deleteIfExists(unreadable.resolve(image.getFileName()));
    }
    try (CapturedLog log = CapturedLog.open()) {
      Ended ended = calibrate("kept", unreadable);
      assertThat(ended.exitCode()).as(ended.err()).isZero();
      assertThat(ended.bytes("model.onnx")).isEqualTo(calibrated.bytes("model.onnx"));
      assertThat(ended.metrics().get("evaluation.quarantined").asInt()).isEqualTo(3);
      assertThat(ended.metrics().get("evaluation.images").asInt()).isZero();
      assertThat(ended.metrics().has("noisyquant.kl")).isFalse();
      assertThat(ended.out()).contains("nothing was evaluated");
      assertThat(log.lines())
          .anyMatch(line -> line.startsWith("WARN 3 of 3 evaluation images cannot be read"));
    }
  }

  /** A folder with four good images and some that are none; without labels. */
  private static Path damaged(String name, int bad) throws IOException {
    Path target = Files.createDirectory(folder.resolve(name));
    for (Path image : evaluationImages().subList(0, 4)) {
      Files.copy(image, target.resolve(image.getFileName()));
    }
    for (int i = 0; i < bad; i++) {
      TestJob.write(target.resolve("bad" + i + ".png"), "no image");
    }
    return target;
  }
}
