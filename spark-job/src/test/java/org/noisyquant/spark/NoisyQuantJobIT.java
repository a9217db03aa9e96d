package org.noisyquant.spark;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.noisyquant.spark.testing.LocalSpark;

/** Whole runs of the command line on a local Spark, with small real steps. */
class NoisyQuantJobIT {
  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();
  private Path images;
  private Path output;

  @TempDir Path folder;

  @BeforeAll
  static void noSharedSessionRuns() {
    LocalSpark.stop();
  }

  @BeforeEach
  void writeTwoImages() throws IOException {
    images = Files.createDirectory(folder.resolve("images with spaces"));
    output = folder.resolve("out");
    Files.write(images.resolve("a.png"), new byte[] {1, 2, 3});
    Files.write(images.resolve("b.png"), new byte[] {4, 5});
  }

  @AfterEach
  void noSessionIsLeft() {
    assertThat(SparkSession.getDefaultSession().isDefined()).isFalse();
  }

  @Test
  void aRunWritesItsResultsMetricsAndSuccess() throws IOException {
    assertThat(calibrate(SmallSteps.countBytes())).isZero();
    assertThat(names())
        .containsExactly(
            "_SUCCESS", "_noisyquant", "count.txt", "early.txt", "layers.parquet", "metrics.json");
    assertThat(output.resolve("count.txt")).hasContent("2 images, 5 bytes");
    assertThat(output.resolve("layers.parquet/_SUCCESS")).exists();
    assertThat(metrics(output.resolve("metrics.json")))
        .contains("\"status\" : \"succeeded\"")
        .contains("\"exit.code\" : 0")
        .contains("\"error.code\" : null")
        .contains("\"images.used\" : 2")
        .contains("\"seconds.total\"");
    assertThat(out.toString()).startsWith("2 images; ").contains("results in");
    assertThat(err.toString()).isEmpty();
  }

  @Test
  void anErrorOnAnExecutorKeepsItsCodeAndLeavesNoResult() throws IOException {
    Files.write(images.resolve("c.png"), new byte[] {0});
    assertThat(calibrate(SmallSteps.countBytes())).isEqualTo(3);
    assertThat(err.toString().lines().findFirst().orElseThrow())
        .startsWith("ERROR IMAGE_UNREADABLE: ")
        .endsWith("c.png: damaged. Replace or remove the file");
    assertThat(err.toString()).doesNotContain("\tat ");
    assertThat(names()).containsExactly("_noisyquant", "metrics.json");
    assertThat(metrics(output.resolve("metrics.json")))
        .contains("\"error.code\" : \"IMAGE_UNREADABLE\"")
        .contains("\"exit.code\" : 3");
  }

  @Test
  void aRunAfterAFailedOneSucceedsInTheSameFolder() throws IOException {
    Path damaged = Files.write(images.resolve("c.png"), new byte[] {0});
    assertThat(calibrate(SmallSteps.countBytes())).isEqualTo(3);
    Files.delete(damaged);
    assertThat(calibrate(SmallSteps.countBytes())).isZero();
    assertThat(metrics(output.resolve("metrics.json"))).contains("\"exit.code\" : 0");
  }

  @Test
  void aFailedOverwriteKeepsTheOldResultsAndSaysWhyBesideThem() throws IOException {
    assertThat(calibrate(SmallSteps.countBytes())).isZero();
    List<String> before = names();
    String metricsBefore = metrics(output.resolve("metrics.json"));
    Files.write(images.resolve("c.png"), new byte[] {0});

    assertThat(calibrate(SmallSteps.countBytes(), "--overwrite")).isEqualTo(3);
    assertThat(names()).isEqualTo(before);
    assertThat(metrics(output.resolve("metrics.json"))).isEqualTo(metricsBefore);
    assertThat(metrics(folder.resolve("out.failed-metrics.json"))).contains("IMAGE_UNREADABLE");
    assertThat(err.toString()).contains("out.failed-metrics.json");
  }

  @Test
  void aFailedGateKeepsTheResultsAndHasItsExitCode() throws IOException {
    Path config = folder.resolve("gates.conf");
    Files.writeString(config, "noisyquant.gates.maxKl = 0.2");

    assertThat(calibrate(SmallSteps.countBytes(), "--config", config.toString())).isEqualTo(4);
    assertThat(names()).contains("_SUCCESS", "count.txt");
    assertThat(metrics(output.resolve("metrics.json")))
        .contains("\"error.code\" : \"GATE_FAILED\"")
        .contains("\"exit.code\" : 4")
        .contains("\"gates.passed\" : false");
    assertThat(err.toString())
        .contains("ERROR GATE_FAILED: counted.kl is 0.25, above gates.maxKl = 0.2");
    assertThat(folder.resolve("out.failed-metrics.json")).doesNotExist();
  }

  @Test
  void aDefectInAStepIsInternalAndLeavesNoResult() throws IOException {
    JobStep defect =
        (spark, config, output, metrics) -> {
          output.write("half.txt", new byte[1]);
          throw new IllegalStateException("a defect");
        };
    assertThat(calibrate(defect)).isEqualTo(1);
    assertThat(err.toString()).contains("ERROR INTERNAL").contains("a defect").contains("\tat ");
    assertThat(names()).containsExactly("_noisyquant", "metrics.json");
  }

  @Test
  void theDemoHandsTheBundleToTheStepOfCalibrate() throws IOException {
    int exitCode =
        job(new DemoCommand(SmallSteps.countBytes()))
            .run("demo", "--output", output.toString(), "--master", "local[1]");
    assertThat(exitCode).isZero();
    assertThat(out.toString()).startsWith("128 images; ");
    assertThat(names()).contains("input", "_SUCCESS");
    assertThat(output.resolve("input/evaluation/labels.csv")).exists();
  }

  @Test
  void anActiveSessionIsUsedAndLeftRunning() {
    SparkSession mine = SparkSession.builder().master("local[1]").appName("mine").getOrCreate();
    try {
      JobStep session =
          (spark, config, output, metrics) -> spark == mine ? "the same session" : "another";
      assertThat(job(new CalibrateCommand(session)).run(flags())).isZero();
      assertThat(out.toString()).startsWith("the same session; ");
      assertThat(mine.sparkContext().isStopped()).isFalse();
      assertThat(mine.sparkContext().appName()).isEqualTo("mine");
    } finally {
      mine.stop();
      SparkSession.clearDefaultSession();
      SparkSession.clearActiveSession();
    }
  }

  @Test
  void aMasterThatContradictsTheRunningOneIsRefused() {
    SparkSession mine = SparkSession.builder().master("local[1]").appName("mine").getOrCreate();
    try {
      assertThat(calibrate(SmallSteps.countBytes())).isEqualTo(2);
      assertThat(err.toString())
          .contains("ERROR INVALID_VALUE")
          .contains("spark.master = local[1]; leave --master off");
    } finally {
      mine.stop();
      SparkSession.clearDefaultSession();
      SparkSession.clearActiveSession();
    }
  }

  @Test
  void anEmbeddedSparkIsQuietAndOnlyHere() {
    try (SparkScope scope = SparkScope.open(Optional.empty(), false)) {
      assertThat(scope.session().sparkContext().master()).isEqualTo("local[*]");
      assertThat(scope.session().sparkContext().appName()).isEqualTo("noisyquant");
      assertThat(scope.session().conf().get("spark.ui.enabled")).isEqualTo("false");
      assertThat(scope.session().conf().get("spark.driver.bindAddress")).isEqualTo("127.0.0.1");
    }
  }

  @Test
  void whatSparkSubmitSetIsNotOverridden() {
    System.setProperty("spark.master", "local[1]");
    System.setProperty("spark.app.name", "theirs");
    System.setProperty("spark.ui.port", "0");
    System.setProperty("spark.hadoop.noisyquant.test", "reached");
    try (SparkScope scope = SparkScope.open(Optional.of("local[1]"), false)) {
      assertThat(scope.session().sparkContext().master()).isEqualTo("local[1]");
      assertThat(scope.session().sparkContext().appName()).isEqualTo("theirs");
      assertThat(scope.session().conf().contains("spark.ui.enabled")).isFalse();
      assertThat(SparkScope.hadoop().get("noisyquant.test")).isEqualTo("reached");
    } finally {
      System.clearProperty("spark.master");
      System.clearProperty("spark.app.name");
      System.clearProperty("spark.ui.port");
      System.clearProperty("spark.hadoop.noisyquant.test");
    }
  }

  private int calibrate(JobStep step, String... more) {
    String[] flags =
        Stream.of(Stream.of(flags()), Stream.of("--master", "local[2]"), Stream.of(more))
            .flatMap(s -> s)
            .toArray(String[]::new);
    return job(new CalibrateCommand(step)).run(flags);
  }

  private String[] flags() {
    return new String[] {
      "calibrate", "--model", "m.onnx", "--images", images.toString(), "--output", output.toString()
    };
  }

  private NoisyQuantJob job(JobCommand command) {
    return new NoisyQuantJob(List.of(command), new PrintWriter(out), new PrintWriter(err));
  }

  private List<String> names() throws IOException {
    try (Stream<Path> children = Files.list(output)) {
      return children.map(child -> child.getFileName().toString()).sorted().toList();
    }
  }

  private static String metrics(Path file) throws IOException {
    return Files.readString(file);
  }
}
