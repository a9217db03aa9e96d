package org.noisyquant.spark;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.noisyquant.spark.testing.DeadlyImages;
import org.noisyquant.spark.testing.SparkProcesses;
import org.noisyquant.spark.testing.StandaloneCluster;

/**
 * An image that the process dies of which runs the model on it: found and left out. What is left is
 * to have the bytes of a run in which the same file is no image.
 */
@Tag("full")
class DeadlyImageIT {
  private static final String DEADLY = "deadly.png";
  private static final int IMAGES = 20;
  private static final int SIGFPE = 128 + 8;
  private static final int SIGABRT = 128 + 6;

  @TempDir static Path folder;

  private static TestJob job;
  private static SparkProcesses spark;
  private static Path model;
  private static Path images;
  private static TestJob.Ended expected;

  @BeforeAll
  static void calibrateWithoutIt() throws IOException {
    job = new TestJob(folder);
    spark = new SparkProcesses(folder);
    model = DeadlyImages.model(folder.resolve("deadly.onnx"));
    Path harmless = job.images("harmless", IMAGES);
    Files.writeString(harmless.resolve(DEADLY), "no image");
    images = job.images("images", IMAGES);
    DeadlyImages.image(images.resolve(DEADLY), TestJob.fashionImages().get(IMAGES));
    TestJob.write(folder.resolve("job.conf"), TestJob.BEST);
    expected = job.run("expected", arguments(harmless, folder.resolve("expected")));
    assertThat(expected.exitCode()).as(expected.err()).isZero();
  }

  private static List<String> arguments(Path images, Path output) {
    List<String> arguments =
        new ArrayList<>(
            TestJob.calibration(folder.resolve("job.conf"), "fashion_vit.onnx", images, output));
    // The last of two flags would do too, but says less.
    arguments.set(arguments.indexOf("--model") + 1, model.toString());
    return arguments;
  }

  private static SparkProcesses.Ended run(String master, Path output) throws Exception {
    List<String> settings = new ArrayList<>(SparkProcesses.smallExecutors());
    settings.add("spark.default.parallelism=4");
    return SparkProcesses.run(
        spark.submit(master, NoisyQuantJob.class.getName(), settings, arguments(images, output)),
        (process, line) -> {});
  }

  private static void assertLeftOut(Path output) {
    TestJob.Ended ended = new TestJob.Ended(0, "", "", output);
    for (String result : List.of("model.onnx", "baseline.onnx")) {
      assertThat(ended.bytes(result)).as(result).isEqualTo(expected.bytes(result));
    }
    assertThat(TestJob.text(output.resolve("quarantine.csv")).lines())
        .filteredOn(line -> line.contains(DEADLY))
        .singleElement()
        .asString()
        .contains("2 processes died while they worked on it");
    assertThat(ended.metrics().get("images.quarantined").asInt()).isEqualTo(1);
    assertThat(output.resolve("_checkpoints")).doesNotExist();
  }

  @Test
  void onAClusterItIsLeftOutAfterItsExecutorsDied() throws Exception {
    Path output = folder.resolve("cluster");
    try (StandaloneCluster cluster = StandaloneCluster.start(spark, folder, 2)) {
      SparkProcesses.Ended ended = run(cluster.url(), output);
      assertThat(ended.exitCode()).as(ended.log()).isZero();
    }
    assertLeftOut(output);
  }

  @Test
  void inOneProcessItIsLeftOutByTheRunAfterTwoThatDiedOfItKnowingly() throws Exception {
    Path output = folder.resolve("local");
    for (int death = 0; death < 3; death++) {
      SparkProcesses.Ended ended = run("local[2]", output);
      assertThat(ended.exitCode()).as(ended.log()).isIn(SIGABRT, SIGFPE);
      assertThat(output.resolve("_SUCCESS")).doesNotExist();
    }
    SparkProcesses.Ended ended = run("local[2]", output);
    assertThat(ended.exitCode()).as(ended.log()).isZero();
    assertLeftOut(output);
  }
}
