package org.noisyquant.spark;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.noisyquant.spark.TestJob.Ended;
import org.noisyquant.spark.testing.CapturedLog;
import org.noisyquant.testing.TestData;

class DryRunIT {
  private static final String VIT = "fashion_vit.onnx";

  @TempDir Path folder;

  private TestJob job;
  private Path images;

  @BeforeEach
  void images() {
    job = new TestJob(folder);
    images = job.images("images", 5);
  }

  private Ended dryRun(List<String> model, String... more) {
    List<String> args = new ArrayList<>(List.of("calibrate", "--dry-run"));
    args.addAll(model);
    args.addAll(List.of("--images", images.toString()));
    args.addAll(List.of("--output", folder.resolve("out").toString()));
    args.addAll(List.of(more));
    return job.run("out", args);
  }

  private static List<String> withoutRescale(Path folder) throws IOException {
    Path file = folder.resolve("unscaled.json");
    String json = TestJob.text(TestData.fashion("preprocessor_config_vit.json"));
    Files.writeString(file, json.replaceFirst("\"do_rescale\": *true", "\"do_rescale\": false"));
    assertThat(file).content().isNotEqualTo(json);
    return List.of("--model", TestData.fashion(VIT).toString(), "--preprocessing", file.toString());
  }

  @Test
  void saysWhatWouldBeDoneAndWritesNothing() {
    Ended ended = dryRun(TestJob.fashion(VIT), "--weight-bits", "6", "--preset", "best");

    assertThat(ended.exitCode()).as(ended.err()).isZero();
    assertThat(ended.out())
        .contains("24 of 25 sites at W6A8, the noise of 6 of them needs an Add")
        .contains("preset best, search guided, noise optimized, weights gptq, 3 image passes")
        .contains("5 of ", "on the held-out images, without labels", "can be written")
        .contains("the FP32 model says class ")
        .containsPattern(
            "memory +\\d+ tasks at a time: \\d+ of \\d+ MiB of heap \\(pass statistics\\)")
        .contains("nothing was computed")
        .doesNotContain("WARNING");
    assertThat(ended.output()).doesNotExist();
  }

  @Test
  void failsAsTheCalibrationWouldAndStillWritesNothing() throws IOException {
    Path damaged = folder.resolve("damaged.onnx");
    Files.write(damaged, Arrays.copyOf(Files.readAllBytes(TestData.fashion(VIT)), 5000));

    Ended ended = dryRun(List.of("--model", damaged.toString()));

    assertThat(ended.exitCode()).isEqualTo(3);
    assertThat(ended.err()).contains("ERROR MODEL_UNREADABLE", "damaged.onnx");
    assertThat(ended.output()).doesNotExist();
  }

  @Test
  void refusesAFolderOfOthersAndLeavesItAlone() throws IOException {
    Path out = Files.createDirectory(folder.resolve("out"));
    Files.writeString(out.resolve("thesis.txt"), "mine");

    assertThat(dryRun(TestJob.fashion(VIT)).exitCode()).isEqualTo(2);
    assertThat(out).isDirectoryContaining(f -> f.endsWith("thesis.txt"));
    try (var files = Files.list(out)) {
      assertThat(files).hasSize(1);
    }
  }

  @Test
  void namesAnImageThatCannotBeReadAndGoesOn() throws IOException {
    Path first = TestJob.fashionImages().get(0);
    Files.write(images.resolve(first.getFileName()), new byte[] {1, 2, 3});
    for (Path image : TestJob.fashionImages().subList(3, 5)) {
      Files.delete(images.resolve(image.getFileName()));
    }

    Ended ended = dryRun(TestJob.fashion(VIT));

    assertThat(ended.exitCode()).as(ended.err()).isZero();
    assertThat(ended.out()).contains(first.getFileName() + "", "no image of a known format");
  }

  @Test
  void pixelsThatAreNotScaledAreNoticed() throws IOException {
    Ended ended = dryRun(withoutRescale(folder));

    assertThat(ended.exitCode()).as(ended.err()).isZero();
    assertThat(ended.out()).contains("WARNING", "not scaled to 0 to 1", "do_rescale");
  }

  @Test
  void aCalibrationWarnsOfThemToo() throws IOException {
    try (CapturedLog log = CapturedLog.open()) {
      Path config = folder.resolve("coarse.conf");
      TestJob.write(config, TestJob.COARSE);
      List<String> args = new ArrayList<>(List.of("calibrate", "--config", config.toString()));
      args.addAll(withoutRescale(folder));
      args.addAll(List.of("--images", images.toString(), "--include", "blocks.0.attn.qkv"));
      args.addAll(List.of("--output", folder.resolve("out").toString()));
      job.run("out", args);

      assertThat(log.lines()).anyMatch(line -> line.contains("not scaled to 0 to 1"));
    }
  }
}
