package org.noisyquant.spark;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.noisyquant.spark.testing.SparkProcesses;
import org.noisyquant.spark.testing.StandaloneCluster;

/**
 * A standalone cluster of processes, and what it survives: whatever happens to executors, the model
 * has the bytes of an undisturbed run on one machine.
 */
@Tag("full")
class StandaloneClusterIT {
  private static final int IMAGES = 24;
  @TempDir Path folder;

  private SparkProcesses spark;
  private StandaloneCluster cluster;
  private TestJob.Ended local;
  private Path images;

  @BeforeEach
  void startCluster() throws IOException {
    TestJob job = new TestJob(folder);
    images = job.images("images", IMAGES);
    local = job.calibrate("local", TestJob.BEST, "fashion_vit.onnx", images);
    assertThat(local.exitCode()).as(local.err()).isZero();
    spark = new SparkProcesses(folder);
    cluster = StandaloneCluster.start(spark, folder, 2);
  }

  @AfterEach
  void stopCluster() {
    cluster.close();
  }

  @Test
  void inClientModeTheModelIsThatOfOneMachine() throws Exception {
    assertSameAsLocal(submit(List.of(), line -> {}));
  }

  @Test
  void inClusterModeTheModelIsThatOfOneMachine() throws Exception {
    assertSameAsLocal(
        submit(
            List.of(
                "spark.submit.deployMode=cluster",
                "spark.standalone.submit.waitAppCompletion=true",
                "spark.driver.memory=1g"),
            line -> {}));
  }

  @Test
  void executorsThatAreKilledInMidSearchChangeNothing() throws Exception {
    List<Integer> killed = new ArrayList<>();

    Path output =
        submit(
            List.of(),
            line -> {
              if (line.contains("statistics of")) {
                killed.add(cluster.killExecutors(0));
              }
            });

    assertThat(killed).containsExactly(1);
    assertSameAsLocal(output);
  }

  @Test
  void aWorkerThatIsKilledInMidStatisticsChangesNothing() throws Exception {
    List<String> killedAt = new ArrayList<>();

    Path output =
        submit(
            List.of(),
            line -> {
              if (killedAt.isEmpty() && line.contains("Finished task 0.0")) {
                killedAt.add(line);
                cluster.killWorker(1);
                cluster.killExecutors(1);
              }
            });

    assertThat(killedAt).hasSize(1);
    assertSameAsLocal(output);
  }

  private void assertSameAsLocal(Path output) {
    TestJob.Ended ended = new TestJob.Ended(0, "", "", output);
    for (String file : List.of("model.onnx", "baseline.onnx")) {
      assertThat(ended.bytes(file)).as(file).isEqualTo(local.bytes(file));
    }
    assertThat(ended.reproducible()).isEqualTo(local.reproducible());
    assertThat(ended.metrics().get("noisyquant.kl"))
        .isEqualTo(local.metrics().get("noisyquant.kl"));
  }

  /** Submits the calibration, shows every line of its log, and gives its output folder. */
  private Path submit(List<String> more, Consumer<String> eachLine) throws Exception {
    Path output = folder.resolve("cluster");
    List<String> settings = new ArrayList<>(SparkProcesses.smallExecutors());
    settings.addAll(more);
    List<String> arguments =
        TestJob.calibration(folder.resolve("local.conf"), "fashion_vit.onnx", images, output);
    SparkProcesses.Ended ended =
        SparkProcesses.run(
            spark.submit(cluster.url(), NoisyQuantJob.class.getName(), settings, arguments),
            (process, line) -> eachLine.accept(line));
    assertThat(ended.exitCode()).as(ended.log()).isZero();
    assertThat(Files.exists(output.resolve("_SUCCESS"))).as(ended.log()).isTrue();
    return output;
  }
}
