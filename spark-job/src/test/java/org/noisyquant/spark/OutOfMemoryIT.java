package org.noisyquant.spark;

import static org.assertj.core.api.Assertions.assertThat;

import java.awt.image.BufferedImage;
import java.awt.image.DataBufferByte;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.noisyquant.spark.testing.SparkProcesses;
import org.noisyquant.spark.testing.StandaloneCluster;

/**
 * Images that fit into the heap of an executor one at a time, but not one for each of its tasks:
 * they are worked on alone after it has died of them. The model is to have the bytes of a run with
 * enough memory.
 */
@Tag("full")
class OutOfMemoryIT {
  private static final String MODEL = "fashion_swin.onnx";
  private static final int TASKS = 3;
  private static final int IMAGES_OF_A_TASK = 8;

  /** In pixels: decoded, an image takes a bit more than a third of 512 MiB. */
  private static final int SIDE = 7_950;

  /** Noise in as much of an image, or its file would be absurdly small. */
  private static final int NOISE = 64;

  @TempDir static Path folder;

  private static SparkProcesses spark;
  private static Path images;
  private static TestJob.Ended expected;

  @BeforeAll
  static void calibrateWithEnoughMemory() throws IOException {
    TestJob job = new TestJob(folder);
    spark = new SparkProcesses(folder);
    images = Files.createDirectory(folder.resolve("images"));
    List<Path> small = TestJob.fashionImages();
    // Partitions are neighbours by name: each task begins with a large one.
    for (int i = 0; i < TASKS * IMAGES_OF_A_TASK; i++) {
      Path image = images.resolve((char) ('a' + i) + ".png");
      if (i % IMAGES_OF_A_TASK == 0) {
        writeLarge(image, i);
      } else {
        Files.copy(small.get(i), image);
      }
    }
    expected = job.calibrate("expected", TestJob.BEST, MODEL, images);
    assertThat(expected.exitCode()).as(expected.err()).isZero();
  }

  private static void writeLarge(Path file, long seed) throws IOException {
    BufferedImage picture = new BufferedImage(SIDE, SIDE, BufferedImage.TYPE_BYTE_BINARY);
    byte[] pixels = ((DataBufferByte) picture.getRaster().getDataBuffer()).getData();
    byte[] noise = new byte[pixels.length / NOISE];
    new Random(seed).nextBytes(noise);
    System.arraycopy(noise, 0, pixels, 0, noise.length);
    ImageIO.write(picture, "png", file.toFile());
  }

  @Test
  void imagesThatFitOneAtATimeAreNotLeftOut() throws Exception {
    Path output = folder.resolve("output");
    List<String> settings =
        List.of(
            "spark.executor.memory=512m",
            "spark.executor.cores=" + TASKS,
            "spark.default.parallelism=" + TASKS,
            "spark.ui.enabled=false",
            "spark.driver.host=127.0.0.1");
    List<String> arguments =
        TestJob.calibration(folder.resolve("expected.conf"), MODEL, images, output);
    SparkProcesses.Ended ended;
    try (StandaloneCluster cluster = StandaloneCluster.start(spark, folder, 1, TASKS)) {
      ended =
          SparkProcesses.run(
              spark.submit(cluster.url(), NoisyQuantJob.class.getName(), settings, arguments),
              (process, line) -> {});
    }

    assertThat(ended.exitCode()).as(ended.log()).isZero();
    // What -XX:+ExitOnOutOfMemoryError ends a process with.
    assertThat(ended.log()).contains("Lost executor", "Command exited with code 3");
    TestJob.Ended done = new TestJob.Ended(0, "", "", output);
    assertThat(done.metrics().get("images.quarantined").asInt()).isZero();
    for (String result : List.of("model.onnx", "baseline.onnx")) {
      assertThat(done.bytes(result)).as(result).isEqualTo(expected.bytes(result));
    }
  }
}
