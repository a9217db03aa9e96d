package org.noisyquant.spark;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.apache.spark.SparkContext;
import org.apache.spark.scheduler.SparkListener;
import org.apache.spark.scheduler.SparkListenerJobStart;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInfo;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.noisyquant.spark.TestJob.Ended;
import org.noisyquant.spark.testing.CapturedLog;
import org.noisyquant.spark.testing.LocalSpark;

/** Runs that are cut off, and what the next run with the same command makes of them. */
class ResumeIT {
  private static final String MODEL = "fashion_vit.onnx";
  private static final int IMAGES = 24;

  /** Every stage there is, on one block; each is kept, however short. */
  private static final String KEYS =
      """
      noisyquant {
        preset = best
        quantization { weightBits = 6, activationBits = 6, "include" = ["blocks.0.*"] }
        evaluation.bootstrapReplicates = 20
        job.checkpointSeconds = 0
      }
      """;

  @TempDir static Path folder;

  private static TestJob job;
  private static Path images;
  private static Ended undisturbed;

  private String output;

  @BeforeAll
  static void calibrateUndisturbed() {
    job = new TestJob(folder);
    images = job.images("images", IMAGES);
    undisturbed = job.calibrate("undisturbed", KEYS, MODEL, images);
    assertThat(undisturbed.exitCode()).as(undisturbed.err()).isZero();
    assertThat(undisturbed.output().resolve("_checkpoints")).doesNotExist();
  }

  @BeforeEach
  void nameOutput(TestInfo test) {
    output = test.getDisplayName().replaceAll("[^A-Za-z0-9]+", "-");
  }

  /** Cancels every Spark job that starts once a checkpoint of some name is complete. */
  private static final class Cut extends SparkListener implements AutoCloseable {
    private final SparkContext spark = LocalSpark.session().sparkContext();
    private final Path checkpoints;
    private final String prefix;

    Cut(Path checkpoints, String prefix) {
      this.checkpoints = checkpoints;
      this.prefix = prefix;
      spark.addSparkListener(this);
    }

    @Override
    public void onJobStart(SparkListenerJobStart start) {
      if (entries(checkpoints).stream().anyMatch(name -> name.startsWith(prefix))) {
        spark.cancelAllJobs();
      }
    }

    @Override
    public void close() {
      spark.removeSparkListener(this);
    }
  }

  /** Names of complete checkpoints. */
  private static List<String> entries(Path checkpoints) {
    try (Stream<Path> entries = Files.list(checkpoints)) {
      return entries
          .filter(entry -> Files.exists(entry.resolve("done")))
          .map(entry -> entry.getFileName().toString())
          .sorted()
          .toList();
    } catch (IOException e) {
      return List.of();
    }
  }

  private Path checkpoints() {
    return folder.resolve(output).resolve("_checkpoints");
  }

  private void cutOffAfter(String stage, String... flags) {
    cutOffAfter(stage, images, flags);
  }

  private void cutOffAfter(String stage, Path some, String... flags) {
    try (Cut cut = new Cut(checkpoints(), stage + "-")) {
      Ended ended = job.calibrate(output, KEYS, MODEL, some, flags);
      assertThat(ended.exitCode()).as(ended.out()).isEqualTo(1);
      assertThat(entries(cut.checkpoints)).anyMatch(name -> name.startsWith(cut.prefix));
    }
  }

  private Ended again(String... flags) {
    Ended ended = job.calibrate(output, KEYS, MODEL, images, flags);
    assertThat(ended.exitCode()).as(ended.err()).isZero();
    assertThat(checkpoints()).doesNotExist();
    return ended;
  }

  private static String resumed(Ended ended) {
    return ended.metrics().get("resumed").asText();
  }

  private static void assertUndisturbed(Ended ended) {
    for (String file : List.of("model.onnx", "baseline.onnx", "quarantine.csv")) {
      assertThat(ended.bytes(file)).as(file).isEqualTo(undisturbed.bytes(file));
    }
    assertThat(ended.reproducible()).isEqualTo(undisturbed.reproducible());
    assertThat(ended.metrics().get("noisyquant.kl"))
        .isEqualTo(undisturbed.metrics().get("noisyquant.kl"));
  }

  @ParameterizedTest(name = "after-{0}")
  @CsvSource({
    "statistics, statistics",
    "search, 'statistics,search'",
    "weights, 'statistics,search,weights'"
  })
  void theNextRunGoesOnAfterTheLastFinishedStage(String stage, String resumed) {
    cutOffAfter(stage);
    Ended ended = again();
    assertThat(resumed(ended)).isEqualTo(resumed);
    assertUndisturbed(ended);
  }

  @Test
  void aGroupOfPartitionsIsNotCountedAgain() {
    String[] many = {"--partitions", Integer.toString(IMAGES - 2)};
    cutOffAfter("statistics-1-of-2", many);
    assertThat(entries(checkpoints())).hasSize(1);
    Ended ended = again(many);
    assertThat(resumed(ended)).isEqualTo("statistics-1-of-2");
    assertUndisturbed(ended);
  }

  @Tag("full")
  @Test
  void otherSettingsGoOnFromTheSameStatistics() {
    cutOffAfter("search");
    Ended ended = again("--activation-bits", "8");
    assertThat(resumed(ended)).isEqualTo("statistics");
    assertThat(ended.bytes("model.onnx")).isNotEqualTo(undisturbed.bytes("model.onnx"));
  }

  @Tag("full")
  @Test
  void otherImagesStartAnew() throws IOException {
    cutOffAfter("statistics");
    Path more = job.images("more-images", IMAGES + 1);
    Ended ended = job.calibrate(output, KEYS, MODEL, more);
    assertThat(ended.exitCode()).as(ended.err()).isZero();
    assertThat(resumed(ended)).isEmpty();
  }

  @Tag("full")
  @Test
  void otherContentsUnderTheSameNamesAreNoticed() throws IOException {
    Path own = job.images("own-images", IMAGES);
    cutOffAfter("statistics", own);
    Path first = TestJob.fashionImages().get(0);
    Path other = TestJob.fashionImages().get(IMAGES);
    Files.copy(other, own.resolve(first.getFileName()), StandardCopyOption.REPLACE_EXISTING);
    Ended ended;
    List<String> warnings;
    try (CapturedLog log = CapturedLog.open()) {
      ended = job.calibrate(output, KEYS, MODEL, own);
      warnings = log.lines();
    }
    assertThat(ended.exitCode()).as(ended.err()).isZero();
    assertThat(warnings).anyMatch(line -> line.contains("all is computed again"));
    assertThat(resumed(ended)).isEmpty();
    Ended fresh = job.calibrate(output + "-fresh", KEYS, MODEL, own);
    assertThat(ended.bytes("model.onnx")).isEqualTo(fresh.bytes("model.onnx"));
    assertThat(ended.bytes("model.onnx")).isNotEqualTo(undisturbed.bytes("model.onnx"));
  }

  @Tag("full")
  @ParameterizedTest(name = "damaged-{0}")
  @CsvSource({"statistics, weights", "search, weights", "weights, weights"})
  void damagedCheckpointsAreComputedAgain(String damaged, String stage) throws IOException {
    cutOffAfter(stage);
    List<Path> cutShort = new ArrayList<>();
    try (Stream<Path> files = Files.walk(checkpoints())) {
      for (Path file : files.filter(Files::isRegularFile).toList()) {
        String name = checkpoints().relativize(file).toString();
        if (name.startsWith(damaged + "-") && (name.endsWith("value") || isData(name))) {
          Files.write(file, new byte[] {1, 2, 3});
          cutShort.add(file);
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    assertThat(cutShort).isNotEmpty();
    Ended ended = again();
    assertThat(resumed(ended).split(",")).doesNotContain(damaged).hasSize(2);
    assertUndisturbed(ended);
  }

  private static boolean isData(String name) {
    return name.contains("sites.parquet/part-");
  }

  @Tag("full")
  @Test
  void anOverwriteThatWasCutOffGoesOnTooAndEarlierResultsStayUntilThen() throws IOException {
    again("--seed", "3");
    Path success = folder.resolve(output).resolve("_SUCCESS");
    cutOffAfter("search", "--overwrite");
    assertThat(success).exists();
    Ended ended = again("--overwrite");
    assertThat(resumed(ended)).isEqualTo("statistics,search");
    assertUndisturbed(ended);
  }

  @Tag("full")
  @Test
  void shortStagesAreNotKept() {
    String keys = KEYS.replace("checkpointSeconds = 0", "checkpointSeconds = 3600");
    Path entries = checkpoints();
    List<String> seen = new ArrayList<>();
    SparkListener listener =
        new SparkListener() {
          @Override
          public void onJobStart(SparkListenerJobStart start) {
            seen.addAll(entries(entries));
          }
        };
    SparkContext spark = LocalSpark.session().sparkContext();
    spark.addSparkListener(listener);
    try {
      Ended ended = job.calibrate(output, keys, MODEL, images);
      assertThat(ended.exitCode()).isZero();
      assertUndisturbed(ended);
    } finally {
      spark.removeSparkListener(listener);
    }
    assertThat(seen).isEmpty();
  }
}
