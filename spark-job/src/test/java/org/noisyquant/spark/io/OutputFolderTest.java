package org.noisyquant.spark.io;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.stream.Stream;
import org.apache.hadoop.conf.Configuration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.noisyquant.error.ErrorCode;
import org.noisyquant.error.NoisyQuantException;
import org.noisyquant.onnx.OnnxModel;
import org.noisyquant.testing.TestData;

class OutputFolderTest {
  private static final FolderClaim.Timing LIVELY =
      new FolderClaim.Timing(Duration.ofMillis(20), Duration.ofSeconds(20));

  @TempDir Path parent;

  @Test
  void aCommittedRunLeavesItsResultsTheMarkerAndSuccess() throws IOException {
    try (OutputFolder output = open(false)) {
      output.write("model.onnx", bytes("model"));
      try (OutputStream out = output.create("statistics/site-0")) {
        out.write(7);
      }
      assertThat(names()).containsOnly("_noisyquant", "_running", "_temporary");
      output.commit();
    }
    assertThat(names()).containsExactly("_SUCCESS", "_noisyquant", "model.onnx", "statistics");
    assertThat(folder().resolve("model.onnx")).hasContent("model");
    assertThat(folder().resolve("statistics/site-0")).exists();
  }

  @Test
  void aFolderThatARunHasIsRefusedUntilItEnds() throws IOException {
    try (OutputFolder output = open(LIVELY)) {
      assertThatThrownBy(() -> open(LIVELY))
          .isInstanceOfSatisfying(
              NoisyQuantException.class,
              e -> assertThat(e.code()).isEqualTo(ErrorCode.OUTPUT_IN_USE))
          .hasMessageContaining(folder().toString())
          .hasMessageContaining("process " + ProcessHandle.current().pid());
      output.write("model.onnx", bytes("first"));
      output.commit();
    }
    assertThat(folder().resolve("model.onnx")).hasContent("first");
    assertThat(folder().resolve("_running")).doesNotExist();
  }

  @Test
  void aFolderWhoseRunGivesNoSignIsTakenOver() throws IOException {
    open(false).close();
    Files.writeString(folder().resolve("_running"), "run=dead\nhost=elsewhere\npid=1\nnumber=7\n");
    FolderClaim.Timing short60 = new FolderClaim.Timing(Duration.ofHours(1), Duration.ofMillis(60));
    try (OutputFolder output = open(short60)) {
      output.write("model.onnx", bytes("second"));
      output.commit();
    }
    assertThat(names()).containsExactly("_SUCCESS", "_noisyquant", "model.onnx");
  }

  @Test
  void theFolderOfAProcessThatIsGoneIsTakenOverAtOnce() throws Exception {
    open(false).close();
    Process gone = new ProcessBuilder("true").start();
    gone.waitFor();
    String host = InetAddress.getLocalHost().getHostName();
    Files.writeString(
        folder().resolve("_running"), "run=dead\nhost=" + host + "\npid=" + gone.pid());
    FolderClaim.Timing never = new FolderClaim.Timing(Duration.ofHours(1), Duration.ofDays(1));
    open(never).close();
    assertThat(names()).containsExactly("_noisyquant");
  }

  @Test
  void aRunWhoseFolderWasTakenOverCommitsNothing() throws IOException {
    OutputFolder output = open(false);
    output.write("model.onnx", bytes("late"));
    Files.writeString(folder().resolve("_running"), "run=another\nhost=elsewhere\npid=1\n");
    assertThatThrownBy(output::commit)
        .isInstanceOfSatisfying(
            NoisyQuantException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.OUTPUT_IN_USE))
        .hasMessageContaining("elsewhere");
    output.close();
    assertThat(folder().resolve("_running")).content().contains("another");
    assertThat(names()).containsExactly("_noisyquant", "_running");
  }

  @Test
  void whyARunFailedIsNotWrittenAmongTheFilesOfAnother() throws IOException {
    try (OutputFolder output = open(false)) {
      FailedRun.writeMetrics(hadoop(), folder().toString(), new Metrics());
      assertThat(folder().resolve("metrics.json")).doesNotExist();
      assertThat(parent.resolve("out.failed-metrics.json")).exists();
      output.commit();
    }
    assertThat(parent.resolve("out.failed-metrics.json")).doesNotExist();
  }

  @Test
  void checkpointsStayUntilARunCommits() throws IOException {
    try (OutputFolder output = open(false)) {
      Path checkpoints = Path.of(output.checkpoints().toUri());
      Files.createDirectories(checkpoints.resolve("statistics"));
    }
    assertThat(names()).containsExactly("_checkpoints", "_noisyquant");
    try (OutputFolder output = open(false)) {
      assertThat(folder().resolve("_checkpoints/statistics")).exists();
      output.write("model.onnx", bytes("model"));
      output.commit();
    }
    assertThat(names()).containsExactly("_SUCCESS", "_noisyquant", "model.onnx");
  }

  @Test
  void aModelsDataFileIsStagedCommittedAndReplacedWithIt() throws IOException {
    Path vit = TestData.fashion("fashion_vit.onnx");
    try (OutputFolder output = open(false)) {
      output.write("model.onnx", OnnxModel.read(vit, 100_000).file());
      assertThat(names()).containsOnly("_noisyquant", "_running", "_temporary");
      output.commit();
    }
    assertThat(names()).containsExactly("_SUCCESS", "_noisyquant", "model.onnx", "model.onnx.data");
    assertThat(OnnxModel.read(folder().resolve("model.onnx")).file().bytes())
        .isEqualTo(Files.readAllBytes(vit));

    try (OutputFolder output = open(true)) {
      output.write("model.onnx", OnnxModel.read(vit).file());
      output.commit();
    }
    assertThat(names()).containsExactly("_SUCCESS", "_noisyquant", "model.onnx");
  }

  @Test
  void aGivenUpRunLeavesNoResult() throws IOException {
    try (OutputFolder output = open(false)) {
      output.write("model.onnx", bytes("model"));
    }
    assertThat(names()).containsExactly("_noisyquant");
  }

  @Test
  void theFolderOfAFailedRunIsReused() throws IOException {
    open(false).close();
    Files.createDirectories(folder().resolve("_temporary-killed/statistics"));
    finish("model.onnx", "second");
    assertThat(names()).containsExactly("_SUCCESS", "_noisyquant", "model.onnx");
    assertThat(folder().resolve("model.onnx")).hasContent("second");
  }

  @Test
  void finishedResultsAreRefusedAndUntouched() throws IOException {
    finish("model.onnx", "first");
    assertThatThrownBy(() -> open(false))
        .isInstanceOfSatisfying(
            NoisyQuantException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.OUTPUT_EXISTS))
        .hasMessageContaining(folder().toString())
        .hasMessageContaining("--overwrite");
    assertThat(names()).containsExactly("_SUCCESS", "_noisyquant", "model.onnx");
  }

  @Test
  void overwritingKeepsTheOldResultsUntilCommit() throws IOException {
    finish("model.onnx", "first");
    try (OutputFolder output = open(true)) {
      output.write("model.onnx", bytes("second"));
      assertThat(folder().resolve("model.onnx")).hasContent("first");
      assertThat(folder().resolve("_SUCCESS")).exists();
      output.commit();
    }
    assertThat(folder().resolve("model.onnx")).hasContent("second");
    assertThat(folder().resolve("_SUCCESS")).exists();
  }

  @Test
  void aFailedOverwriteKeepsTheOldResults() throws IOException {
    finish("model.onnx", "first");
    try (OutputFolder output = open(true)) {
      output.write("model.onnx", bytes("second"));
    }
    assertThat(names()).containsExactly("_SUCCESS", "_noisyquant", "model.onnx");
    assertThat(folder().resolve("model.onnx")).hasContent("first");
  }

  @Test
  void overwritingDeletesEarlierResultsButNoOtherFiles() throws IOException {
    try (OutputFolder output = open(false)) {
      output.write("quarantine.csv", bytes("first"));
      output.write("layers.parquet/part-0", bytes("first"));
      output.commit();
    }
    Files.writeString(folder().resolve("notes.txt"), "the user's");
    try (OutputFolder output = open(true)) {
      output.write("layers.parquet/part-1", bytes("second"));
      output.commit();
    }
    assertThat(names()).containsExactly("_SUCCESS", "_noisyquant", "layers.parquet", "notes.txt");
    assertThat(folder().resolve("layers.parquet/part-0")).doesNotExist();
  }

  @Test
  void aFolderThatIsNotOursIsRefusedEvenForOverwriting() throws IOException {
    Files.createDirectories(folder());
    Files.writeString(folder().resolve("_SUCCESS"), "of a table, say");
    for (boolean overwrite : List.of(false, true)) {
      assertThatThrownBy(() -> open(overwrite))
          .isInstanceOfSatisfying(
              NoisyQuantException.class,
              e -> assertThat(e.code()).isEqualTo(ErrorCode.OUTPUT_EXISTS))
          .hasMessageContaining("was not written by NoisyQuant");
    }
    assertThat(names()).containsExactly("_SUCCESS");
  }

  @Test
  void anEmptyFolderIsUsed() throws IOException {
    Files.createDirectories(folder());
    finish("model.onnx", "first");
    assertThat(names()).contains("_SUCCESS");
  }

  @Test
  void aFileInPlaceOfTheFolderOrItsParentIsRefused() throws IOException {
    Files.writeString(parent.resolve("file"), "");
    assertThatThrownBy(() -> OutputFolder.open(hadoop(), parent + "/file", true))
        .isInstanceOfSatisfying(
            NoisyQuantException.class,
            e -> assertThat(e.code()).isEqualTo(ErrorCode.OUTPUT_EXISTS));
    assertThatThrownBy(() -> OutputFolder.open(hadoop(), parent + "/file/out", false))
        .isInstanceOfSatisfying(
            NoisyQuantException.class,
            e -> assertThat(e.code()).isEqualTo(ErrorCode.OUTPUT_NOT_WRITABLE))
        .hasMessageContaining("/file/out");
  }

  @Test
  void anUnknownFileSystemIsNamed() {
    assertThatThrownBy(() -> OutputFolder.open(hadoop(), "nosuch://bucket/out", false))
        .isInstanceOfSatisfying(
            NoisyQuantException.class,
            e -> assertThat(e.code()).isEqualTo(ErrorCode.OUTPUT_NOT_WRITABLE))
        .hasMessageContaining("nosuch://bucket/out");
  }

  @Test
  void namesOutsideTheFolderOrOfOurOwnFilesAreRefused() {
    try (OutputFolder output = open(false)) {
      for (String name : List.of("../model.onnx", "/model.onnx", "_SUCCESS", ".hidden")) {
        assertThatThrownBy(() -> output.staging(name))
            .isInstanceOf(IllegalArgumentException.class)
            .hasMessageContaining(name);
      }
    }
  }

  @Test
  void nothingIsWrittenAfterCommit() {
    try (OutputFolder output = open(false)) {
      output.commit();
      assertThatThrownBy(() -> output.write("late.txt", bytes("")))
          .isInstanceOf(IllegalStateException.class);
    }
  }

  @Test
  void aFailedRunSaysWhyInItsOwnFolder() throws IOException {
    assertThat(writeFailure()).isEqualTo(folder().resolve("metrics.json"));
    assertThat(names()).containsExactly("_noisyquant", "metrics.json");
    assertThat(folder().resolve("metrics.json")).content().contains("\"status\" : \"failed\"");

    finish("model.onnx", "second");
    assertThat(names()).containsExactly("_SUCCESS", "_noisyquant", "model.onnx");
  }

  @Test
  void aFailedRunSaysWhyBesideFinishedResults() throws IOException {
    finish("metrics.json", "{}");
    assertThat(writeFailure()).isEqualTo(parent.resolve("out.failed-metrics.json"));
    assertThat(folder().resolve("metrics.json")).hasContent("{}");

    try (OutputFolder output = open(true)) {
      output.commit();
    }
    assertThat(parent.resolve("out.failed-metrics.json")).doesNotExist();
  }

  @Test
  void aFailedRunSaysWhyBesideForeignFiles() throws IOException {
    Files.createDirectories(folder());
    Files.writeString(folder().resolve("thesis.tex"), "");
    assertThat(writeFailure()).isEqualTo(parent.resolve("out.failed-metrics.json")).exists();
    assertThat(names()).containsExactly("thesis.tex");
  }

  private Path folder() {
    return parent.resolve("out");
  }

  private OutputFolder open(boolean overwrite) {
    return OutputFolder.open(hadoop(), folder().toString(), overwrite);
  }

  private void finish(String name, String content) {
    try (OutputFolder output = open(false)) {
      output.write(name, bytes(content));
      output.commit();
    }
  }

  private Path writeFailure() throws IOException {
    Metrics metrics = new Metrics();
    metrics.put("status", "failed");
    return Path.of(FailedRun.writeMetrics(hadoop(), folder().toString(), metrics).toUri());
  }

  /** Names in the folder, sorted, a staging folder without its id. */
  private List<String> names() throws IOException {
    try (Stream<Path> children = Files.list(folder())) {
      return children
          .map(child -> child.getFileName().toString().replaceFirst("^_temporary-.*", "_temporary"))
          .sorted()
          .toList();
    }
  }

  private static byte[] bytes(String text) {
    return text.getBytes(UTF_8);
  }

  private OutputFolder open(FolderClaim.Timing timing) {
    return OutputFolder.open(hadoop(), folder().toString(), true, timing);
  }

  private static Configuration hadoop() {
    return new Configuration();
  }
}
