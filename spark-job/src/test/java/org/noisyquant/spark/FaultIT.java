package org.noisyquant.spark;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BiConsumer;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInfo;
import org.junit.jupiter.api.io.TempDir;
import org.noisyquant.spark.testing.SparkProcesses;
import org.noisyquant.spark.testing.StandaloneCluster;

/**
 * What ends or disturbs a run from outside, done to the packaged jar in processes of its own: the
 * model has the bytes of an undisturbed run, at once or when the same command is run again.
 */
@Tag("full")
class FaultIT {
  private static final String MODEL = "fashion_vit.onnx";
  private static final int IMAGES = 24;
  private static final String KEYS = TestJob.BEST + "noisyquant.job.checkpointSeconds = 0\n";
  private static final int SIGTERM = 128 + 15;

  @TempDir static Path folder;

  private static TestJob job;
  private static SparkProcesses spark;
  private static Path images;
  private static TestJob.Ended undisturbed;

  private Path output;

  @BeforeAll
  static void calibrateUndisturbed() throws IOException {
    job = new TestJob(folder);
    spark = new SparkProcesses(folder);
    images = job.images("images", IMAGES);
    undisturbed = job.calibrate("undisturbed", KEYS, MODEL, images);
    assertThat(undisturbed.exitCode()).as(undisturbed.err()).isZero();
  }

  @BeforeEach
  void nameOutput(TestInfo test) {
    output = folder.resolve(test.getTestMethod().orElseThrow().getName());
  }

  private SparkProcesses.Ended run(
      String master, List<String> more, BiConsumer<Process, String> eachLine) throws Exception {
    List<String> settings = new ArrayList<>(SparkProcesses.smallExecutors());
    settings.addAll(more);
    List<String> arguments =
        TestJob.calibration(folder.resolve("undisturbed.conf"), MODEL, images, output);
    return SparkProcesses.run(
        spark.submit(master, NoisyQuantJob.class.getName(), settings, arguments), eachLine);
  }

  private void assertUndisturbed() {
    assertThat(output.resolve("_SUCCESS")).exists();
    TestJob.Ended ended = new TestJob.Ended(0, "", "", output);
    for (String file : List.of("model.onnx", "baseline.onnx")) {
      assertThat(ended.bytes(file)).as(file).isEqualTo(undisturbed.bytes(file));
    }
    assertThat(ended.metrics().get("noisyquant.kl"))
        .isEqualTo(undisturbed.metrics().get("noisyquant.kl"));
  }

  /** The same command again, undisturbed. */
  private String again() throws Exception {
    SparkProcesses.Ended ran = run("local[2]", List.of(), (process, line) -> {});
    assertThat(ran.exitCode()).as(ran.log()).isZero();
    assertUndisturbed();
    return new TestJob.Ended(0, "", "", output).metrics().get("resumed").asText();
  }

  @Test
  void aDriverThatIsKilledInMidSearchGoesOnWhenItIsStartedAgain() throws Exception {
    SparkProcesses.Ended killed =
        run(
            "local[2]",
            List.of(),
            (process, line) -> {
              if (line.contains("statistics of")) {
                process.toHandle().destroyForcibly();
              }
            });
    assertThat(killed.exitCode()).isNotZero();
    assertThat(output.resolve("_SUCCESS")).doesNotExist();
    assertThat(output.resolve("_running")).exists();
    assertThat(again()).isEqualTo("statistics");
  }

  @Test
  void aDriverThatIsToldToEndSaysSoAndGoesOnWhenItIsStartedAgain() throws Exception {
    SparkProcesses.Ended stopped =
        run(
            "local[2]",
            List.of(),
            (process, line) -> {
              if (line.contains("solved") && line.contains("sites")) {
                process.toHandle().destroy();
              }
            });
    assertThat(stopped.exitCode()).isEqualTo(SIGTERM);
    assertThat(stopped.log()).contains("ERROR STOPPED");
    assertThat(output.resolve("_SUCCESS")).doesNotExist();
    assertThat(TestJob.json(output.resolve("metrics.json")).get("error.code").asText())
        .isEqualTo("STOPPED");
    assertThat(again()).startsWith("statistics");
  }

  @Test
  void aSecondRunOnTheSameOutputIsRefusedAndTheFirstIsNotDisturbed() throws Exception {
    List<TestJob.Ended> second = new ArrayList<>();
    SparkProcesses.Ended first =
        run(
            "local[2]",
            List.of(),
            (process, line) -> {
              if (second.isEmpty() && line.contains("statistics of")) {
                second.add(job.calibrate(output.getFileName().toString(), KEYS, MODEL, images));
              }
            });
    assertThat(first.exitCode()).as(first.log()).isZero();
    assertUndisturbed();
    // It came while the first was at work, or found it finished.
    assertThat(second.get(0).exitCode()).isEqualTo(2);
    assertThat(second.get(0).err()).containsAnyOf("OUTPUT_IN_USE", "OUTPUT_EXISTS");
  }

  @Test
  void anExecutorThatFallsBehindIsOvertakenBySpeculation() throws Exception {
    List<String> overtaken = new ArrayList<>();
    try (StandaloneCluster cluster = StandaloneCluster.start(spark, folder, 2)) {
      List<String> stopped = new ArrayList<>();
      SparkProcesses.Ended ran =
          run(
              cluster.url(),
              List.of(
                  "spark.speculation=true",
                  "spark.speculation.multiplier=1.1",
                  "spark.speculation.quantile=0.1",
                  "spark.speculation.minTaskRuntime=100ms"),
              (process, line) -> {
                if (stopped.isEmpty() && line.contains("Finished task 0.0")) {
                  stopped.add(line);
                  cluster.stopExecutors(1);
                } else if (overtaken.isEmpty() && line.contains("as speculatable")) {
                  overtaken.add(line);
                } else if (overtaken.size() == 1 && line.contains("Finished task")) {
                  overtaken.add(line);
                  cluster.continueExecutors(1);
                }
              });
      assertThat(ran.exitCode()).as(ran.log()).isZero();
    }
    assertThat(overtaken).hasSize(2);
    assertUndisturbed();
  }

  @Test
  void aFullDiskIsNamedAndTheRunGoesOnWithRoom() throws Exception {
    Path full = Files.createDirectories(folder.resolve("full-disk"));
    SparkProcesses.Ended ran =
        SparkProcesses.run(
            limitedFiles(
                spark.submit(
                    "local[2]",
                    NoisyQuantJob.class.getName(),
                    List.of("spark.ui.enabled=false", "spark.local.dir=" + full),
                    TestJob.calibration(
                        folder.resolve("undisturbed.conf"), MODEL, images, output))),
            (process, line) -> {});
    assertThat(ran.exitCode()).as(ran.log()).isEqualTo(1);
    assertThat(ran.log()).contains("ERROR DISK_FULL").contains("spark.local.dir");
    assertThat(output.resolve("_SUCCESS")).doesNotExist();
    again();
  }

  /** No file of the process may be larger than 200 KiB: writing fails, as on a full disk. */
  private static ProcessBuilder limitedFiles(ProcessBuilder builder) {
    List<String> command =
        new ArrayList<>(List.of("bash", "-c", "ulimit -f 200; exec \"$@\"", "-"));
    command.addAll(builder.command());
    return builder.command(command);
  }
}
