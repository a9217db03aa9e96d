package org.noisyquant.spark;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.noisyquant.spark.testing.SparkProcesses;

/**
 * The packaged jar as a cluster runs it: SparkSubmit, and executors that are processes of their own
 * with nothing but Spark and what the driver sends them.
 */
class SparkSubmitIT {
  @TempDir Path folder;

  @Test
  void executorsOfAClusterGiveTheSameModelAsOneMachine() throws Exception {
    TestJob job = new TestJob(folder);
    Path images = job.images("images", 24);
    TestJob.Ended local = job.calibrate("local", TestJob.BEST, "fashion_vit.onnx", images);
    assertThat(local.exitCode()).as(local.err()).isZero();

    List<String> args =
        TestJob.calibration(
            folder.resolve("local.conf"), "fashion_vit.onnx", images, folder.resolve("cluster"));
    Process submitted = submit("local-cluster[2,1,1024]", args);
    Path log = folder.resolve("submit.log");
    assertThat(submitted.exitValue()).as(Files.readString(log)).isZero();

    TestJob.Ended cluster = new TestJob.Ended(0, "", "", folder.resolve("cluster"));
    assertThat(cluster.bytes("model.onnx")).isEqualTo(local.bytes("model.onnx"));
    assertThat(cluster.bytes("baseline.onnx")).isEqualTo(local.bytes("baseline.onnx"));
    assertThat(cluster.reproducible()).isEqualTo(local.reproducible());
    assertThat(cluster.metrics().get("noisyquant.kl"))
        .isEqualTo(local.metrics().get("noisyquant.kl"));
  }

  private Process submit(String master, List<String> args)
      throws IOException, InterruptedException {
    Process process =
        new SparkProcesses(folder)
            .submit(
                master,
                NoisyQuantJob.class.getName(),
                List.of(
                    "spark.executor.memory=1g", "spark.executor.cores=1", "spark.ui.enabled=false"),
                args)
            .redirectOutput(folder.resolve("submit.log").toFile())
            .start();
    try {
      assertThat(process.waitFor(5, TimeUnit.MINUTES)).isTrue();
    } finally {
      SparkProcesses.kill(process.toHandle());
    }
    return process;
  }
}
