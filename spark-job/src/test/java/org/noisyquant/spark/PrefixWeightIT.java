package org.noisyquant.spark;

import static org.assertj.core.api.Assertions.assertThat;

import ai.onnx.proto.OnnxMl.AttributeProto;
import ai.onnx.proto.OnnxMl.AttributeProto.AttributeType;
import ai.onnx.proto.OnnxMl.ModelProto;
import ai.onnx.proto.OnnxMl.NodeProto;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.apache.spark.sql.Row;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.noisyquant.spark.TestJob.Ended;
import org.noisyquant.spark.testing.LocalSpark;
import org.noisyquant.testing.TestData;

/** What a class token counts, measured on held-out images. */
class PrefixWeightIT {
  private static final String MODEL = "fashion_vit.onnx";

  @TempDir static Path folder;

  private static TestJob job;
  private static Path images;

  @BeforeAll
  static void copyImages() {
    job = new TestJob(folder);
    images = job.images("images", 32);
  }

  private static Ended calibrate(
      String output, Path model, int bits, String preset, String weight, String... inputs) {
    return calibrate(output, model, bits, preset, weight, 0.7, inputs);
  }

  private static Ended calibrate(
      String output,
      Path model,
      int bits,
      String preset,
      String weight,
      double heldOut,
      String... inputs) {
    Path config = folder.resolve(output + ".conf");
    TestJob.write(
        config,
        """
        noisyquant {
          preset = %s
          quantization { weightBits = %d, activationBits = %d, "include" = ["blocks.1.*", "blocks.4.*"] }
          search.prefixWeight = %s
          images.heldOutFraction = %s
          evaluation.bootstrapReplicates = 20
        }
        """
            .formatted(preset, bits, bits, weight, heldOut));
    return run(output, "calibrate", model, List.of("--config", config.toString()), inputs);
  }

  private static Ended run(
      String output, String command, Path model, List<String> more, String... inputs) {
    List<String> args = new ArrayList<>(List.of(command));
    args.addAll(more);
    args.addAll(TestJob.fashion(MODEL));
    args.set(args.indexOf("--model") + 1, model.toString());
    args.addAll(List.of("--output", folder.resolve(output).toString()));
    args.addAll(List.of(inputs));
    Ended ended = job.run(output, args);
    assertThat(ended.exitCode()).as(ended.err()).isZero();
    return ended;
  }

  private static double weight(Ended ended) {
    return ended.metrics().get("search.prefixWeight").asDouble();
  }

  private static Path statistics(Ended calibration) {
    return calibration.output().resolve("statistics");
  }

  /** A folder with the images of one part of a calibration. */
  private static Path part(Ended calibration, String part) throws IOException {
    Path target = Files.createDirectory(calibration.output().resolve(part));
    String table = statistics(calibration).resolve("images.parquet").toString();
    for (Row row : LocalSpark.session().read().parquet(table).collectAsList()) {
      if (row.getAs("part").equals(part)) {
        Path image = images.resolve(row.<String>getAs("name"));
        Files.copy(image, target.resolve(image.getFileName()));
      }
    }
    return target;
  }

  /** The model that is solved with a weight on the statistics of a calibration. */
  private static String solved(Ended calibration, Path model, int bits, int weight)
      throws IOException {
    Ended solved =
        calibrate(
            calibration.output().getFileName() + "-" + weight,
            model,
            bits,
            "balanced",
            Integer.toString(weight),
            "--from-statistics",
            statistics(calibration).toString());
    assertThat(weight(solved)).isEqualTo(weight);
    Path named = solved.output().resolve("weight" + weight + ".onnx");
    return Files.copy(solved.output().resolve("model.onnx"), named).toString();
  }

  /** The network with the mean of all tokens in place of its class token. */
  private static Path averaging() throws IOException {
    ModelProto.Builder model =
        ModelProto.parseFrom(Files.readAllBytes(TestData.fashion(MODEL))).toBuilder();
    List<NodeProto.Builder> nodes = model.getGraphBuilder().getNodeBuilderList();
    NodeProto.Builder pooling = nodes.get(nodes.size() - 2);
    assertThat(pooling.getOpType()).isEqualTo("Gather");
    pooling
        .setOpType("ReduceMean")
        .clearInput()
        .addInput(nodes.get(nodes.size() - 3).getOutput(0))
        .clearAttribute()
        .addAttribute(
            AttributeProto.newBuilder().setName("axes").setType(AttributeType.INTS).addInts(1))
        .addAttribute(
            AttributeProto.newBuilder().setName("keepdims").setType(AttributeType.INT).setI(0));
    return Files.write(folder.resolve("averaging.onnx"), model.build().toByteArray());
  }

  /** Calibrates, and compares the models of both weights apart. */
  private static void assertTaken(int bits, double expected) throws IOException {
    Path model = averaging();
    Ended measured =
        calibrate("bits-" + bits, model, bits, "balanced", "auto", "--images", images.toString());
    // What held-out images tell about single sites is no part of it.
    Ended alone =
        calibrate(
            "alone-" + bits,
            model,
            bits,
            "balanced",
            "20",
            0,
            "--images",
            part(measured, "CALIBRATION").toString());
    Ended compared =
        run(
            "compared-" + bits,
            "evaluate",
            model,
            List.of("--images", part(measured, "HELD_OUT").toString()),
            "--quantized",
            solved(alone, model, bits, 20),
            "--quantized",
            solved(alone, model, bits, 1));
    double high = compared.metrics().get("weight1.kl.difference.high").asDouble();

    assertThat(high < 0 ? 1.0 : 20.0).isEqualTo(expected);
    assertThat(weight(measured)).isEqualTo(expected);
  }

  @Test
  void theUsualWeightIsGivenUpWhereHeldOutImagesShowThatTheModelIsCloserWithout()
      throws IOException {
    assertTaken(8, 1);
  }

  @Test
  @Tag("full")
  void theUsualWeightStaysWhereHeldOutImagesDoNotDecide() throws IOException {
    assertTaken(3, 20);
  }

  /** A calibration that measures the weight has the result of one with the weight it took. */
  private static void assertResultOf(double weight, int bits, String preset) throws IOException {
    Path model = averaging();
    String name = "measured-" + bits;
    Ended measured = calibrate(name, model, bits, preset, "auto", "--images", images.toString());
    String found = Double.toString(weight);
    Ended fixed =
        calibrate("fixed-" + bits, model, bits, preset, found, "--images", images.toString());

    assertThat(weight(measured)).isEqualTo(weight);
    assertThat(measured.bytes("model.onnx")).isEqualTo(fixed.bytes("model.onnx"));
    assertThat(measured.bytes("baseline.onnx")).isEqualTo(fixed.bytes("baseline.onnx"));
    assertThat(measured.reproducible()).isEqualTo(fixed.reproducible());
  }

  @Test
  void theResultIsThatOfTheUsualWeightWhereItStays() throws IOException {
    assertResultOf(20, 5, "best");
  }

  @Test
  @Tag("full")
  void theResultIsThatWithoutAWeightWhereItIsGivenUp() throws IOException {
    assertResultOf(1, 8, "balanced");
  }
}
