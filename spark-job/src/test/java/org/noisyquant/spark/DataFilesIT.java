package org.noisyquant.spark;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.noisyquant.onnx.OnnxModel;
import org.noisyquant.spark.TestJob.Ended;
import org.noisyquant.testing.TestData;

/** The program with a model whose weights are in a data file beside it. */
class DataFilesIT {
  private static final String VIT = "fashion_vit.onnx";

  @TempDir static Path folder;

  private static TestJob job;
  private static Path images;
  private static Path model;

  @BeforeAll
  static void writeModel() throws IOException {
    job = new TestJob(folder);
    images = job.images("images", 4);
    model = Files.createDirectory(folder.resolve("large")).resolve("vit.onnx");
    OnnxModel.read(TestData.fashion(VIT), 100_000).file().write(model);
    Files.copy(
        TestData.fashion("preprocessor_config_vit.json"),
        model.resolveSibling("preprocessor_config.json"));
    TestJob.write(folder.resolve("coarse.conf"), TestJob.COARSE);
  }

  private static Ended run(String command, String output, Path fp32, String... flags) {
    List<String> args = new ArrayList<>(List.of(command, "--model", fp32.toString()));
    args.addAll(List.of("--config", folder.resolve("coarse.conf").toString()));
    args.addAll(List.of("--images", images.toString()));
    args.addAll(List.of("--output", folder.resolve(output).toString()));
    args.addAll(List.of(flags));
    return job.run(output, args);
  }

  @Test
  void calibratesToTheBytesOfTheSameModelInOneFile() {
    Ended one = job.calibrate("one", VIT, images);

    Ended two = run("calibrate", "two", model);

    assertThat(two.exitCode()).as(two.err()).isZero();
    assertThat(two.bytes("model.onnx")).isEqualTo(one.bytes("model.onnx"));
    assertThat(two.bytes("baseline.onnx")).isEqualTo(one.bytes("baseline.onnx"));
    assertThat(two.reproducible()).isEqualTo(one.reproducible());
  }

  @Test
  void evaluatesModelsWithTheirDataFiles() {
    Ended ended = run("evaluate", "evaluated", model, "--quantized", model.toString());

    assertThat(ended.exitCode()).as(ended.err()).isZero();
    assertThat(ended.metrics().get("vit.agreement").asDouble()).isEqualTo(1);
    assertThat(ended.metrics().get("vit.kl").asDouble()).isZero();
  }

  @Test
  void aDataFileThatIsMissingIsNamed() throws IOException {
    Path alone = Files.createDirectory(folder.resolve("alone")).resolve("vit.onnx");
    Files.copy(model, alone);

    Ended ended = run("evaluate", "failed", model, "--quantized", alone.toString());

    assertThat(ended.exitCode()).isEqualTo(3);
    assertThat(ended.err()).contains("MODEL_UNREADABLE", alone.toString(), "vit.onnx.data");
  }
}
