package org.noisyquant.spark;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.apache.logging.log4j.Level;
import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.core.config.Configurator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.noisyquant.spark.io.BuildVersion;

/** What the command line does without starting Spark. */
class NoisyQuantJobTest {
  private static final JobStep UNREACHED =
      (spark, config, output, metrics) -> {
        throw new AssertionError("the step must not run");
      };

  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();

  @TempDir Path folder;

  @Test
  void helpListsTheCommandsAndExitCodes() {
    assertThat(run("--help")).isZero();
    assertThat(out.toString())
        .contains("Usage: noisyquant", "calibrate", "evaluate", "inspect", "demo", "Exit codes");
    assertThat(err.toString()).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(strings = {"calibrate", "evaluate", "inspect", "demo"})
  void everyCommandExplainsItself(String command) {
    assertThat(run(command, "--help")).isZero();
    assertThat(out.toString()).contains("Usage: noisyquant " + command, "--verbose", "--version");
    assertThat(err.toString()).isEmpty();
  }

  @Test
  void helpNamesTheDefaultsOfReferenceConf() {
    run("calibrate", "--help");
    assertThat(out.toString().replaceAll("\\s+", " "))
        .contains("bits of the weights, 2 to 8 (default: 8)")
        .contains("above 0 to 1 (default: 0.1)")
        .contains("FP32 ONNX model (required)");
  }

  @ParameterizedTest
  @ValueSource(strings = {"--version", "calibrate --version", "inspect -V"})
  void versionIsOfThisBuild(String line) {
    assertThat(run(line.split(" ", -1))).isZero();
    assertThat(out.toString())
        .contains("noisyquant " + BuildVersion.noisyquant())
        .contains("built for Spark")
        .doesNotContain("${");
  }

  @ParameterizedTest
  @CsvSource({
    "--weigth-bits 6, UNKNOWN_KEY, there is no flag --weigth-bits; the nearest is --weight-bits",
    "--weight-bit=6, UNKNOWN_KEY, the nearest is --weight-bits",
    "more, UNKNOWN_KEY, nothing takes the value more",
    "--seed, MISSING_VALUE, --seed",
    "--seed 1 --seed 2, INVALID_VALUE, --seed",
    "--weight-bits 9, INVALID_VALUE, quantization.weightBits (--weight-bits) is \"9\"",
    "--activation-bits six, INVALID_VALUE, from 2 to 8",
    "--scope full, INVALID_VALUE, linears",
    "--token-fraction 0, INVALID_VALUE, above 0 to 1",
    "--config absent.conf, CONFIG_UNREADABLE, absent.conf",
    "--config /dev/null, CONFIG_UNREADABLE, a pipe or a device",
    "--seed 1, MISSING_VALUE, give --model FILE",
  })
  void aWrongCommandLineIsExplainedInOneLineAndInTheMetrics(
      String flags, String code, String message) throws IOException {
    Path output = folder.resolve("out");
    assertThat(run(("calibrate --output " + output + " " + flags).split(" ", -1))).isEqualTo(2);
    assertThat(err.toString().lines().findFirst().orElseThrow())
        .startsWith("ERROR " + code + ": ")
        .contains(message);
    assertThat(err.toString()).doesNotContain("\tat ");
    assertThat(Files.readString(output.resolve("metrics.json")))
        .contains("\"status\" : \"failed\"")
        .contains("\"exit.code\" : 2")
        .contains("\"error.code\" : \"" + code + "\"")
        .contains("\"command\" : \"calibrate\"");
  }

  @Test
  void anUnknownKeyInAFileIsExplainedInTheMetricsOfTheFolderThatTheFileNames() throws IOException {
    Path output = folder.resolve("out");
    Path file = folder.resolve("job.conf");
    Files.writeString(file, "noisyquant { output.path = \"" + output + "\", model.pth = m.onnx }");
    assertThat(run("calibrate", "--config", file.toString())).isEqualTo(2);
    assertThat(err.toString()).contains("ERROR UNKNOWN_KEY").contains("noisyquant.model.path");
    assertThat(output.resolve("metrics.json")).content().contains("UNKNOWN_KEY");
  }

  @Test
  void withoutAnOutputFolderTheLogSaysThatThereAreNoMetrics() {
    assertThat(run("calibrate", "--weight-bits", "6")).isEqualTo(2);
    assertThat(err.toString()).contains("ERROR MISSING_VALUE").contains("no metrics are written");
  }

  @Test
  void anUnknownCommandIsRefusedWithTheNearest() {
    assertThat(run("calibrat")).isEqualTo(2);
    assertThat(err.toString())
        .contains("ERROR UNKNOWN_KEY: there is no command calibrat; the nearest is calibrate");
  }

  @Test
  void noCommandIsAnErrorThatListsThem() {
    assertThat(run()).isEqualTo(2);
    assertThat(err.toString()).contains("calibrate, evaluate, inspect, demo");
  }

  @Test
  void verboseShowsTheStackTrace() {
    assertThat(run("calibrate", "-v")).isEqualTo(2);
    assertThat(err.toString()).contains("ERROR MISSING_VALUE").contains("\tat ");
  }

  @Test
  void verboseLogsMore() throws IOException {
    Path model = Files.writeString(folder.resolve("m.onnx"), "four");
    Level before = LogManager.getLogger("org.noisyquant").getLevel();
    try {
      assertThat(run("inspect", "--model", model.toString())).isZero();
      assertThat(LogManager.getLogger("org.noisyquant").isDebugEnabled()).isFalse();
      assertThat(run("inspect", "--model", model.toString(), "--verbose")).isZero();
      assertThat(LogManager.getLogger("org.noisyquant").isDebugEnabled()).isTrue();
    } finally {
      Configurator.setLevel("org.noisyquant", before);
    }
  }

  @Test
  void aFinishedOutputFolderIsRefusedAndTheReasonIsBesideIt() throws IOException {
    Path output = Files.createDirectories(folder.resolve("out"));
    Files.writeString(output.resolve("_noisyquant"), "metrics.json\n");
    Files.writeString(output.resolve("_SUCCESS"), "");
    Files.writeString(output.resolve("metrics.json"), "{}");
    assertThat(run("calibrate", "--model", "m", "--images", "i", "--output", output.toString()))
        .isEqualTo(2);
    assertThat(err.toString()).contains("ERROR OUTPUT_EXISTS").contains("out.failed-metrics.json");
    assertThat(output.resolve("metrics.json")).hasContent("{}");
    assertThat(folder.resolve("out.failed-metrics.json")).content().contains("OUTPUT_EXISTS");
  }

  @Test
  void evaluateTakesSeveralModelsAndWantsAtLeastOne() {
    String output = folder.resolve("out").toString();
    assertThat(run("evaluate", "--model", "m", "--images", "i", "--output", output)).isEqualTo(2);
    assertThat(err.toString())
        .contains("ERROR MISSING_VALUE")
        .contains("evaluation.models")
        .contains("--quantized FILE");
  }

  @Test
  void inspectPrintsWhatItsStepSaysAndWritesNothing() throws IOException {
    Path model = Files.writeString(folder.resolve("m.onnx"), "four");
    assertThat(run("inspect", "--model", model.toString(), "--json")).isZero();
    assertThat(out.toString()).isEqualTo("{\"bytes\": 4}" + System.lineSeparator());
    assertThat(err.toString()).isEmpty();
    assertThat(folder.toFile().list()).containsExactly("m.onnx");
  }

  @Test
  void aDefectIsReportedWithItsStackTraceAndExitCodeOne() {
    assertThat(run("inspect", "--model", folder.resolve("absent").toString())).isEqualTo(1);
    assertThat(err.toString()).contains("ERROR INTERNAL").contains("\tat ");
  }

  private int run(String... args) {
    InspectStep size =
        (config, hadoop, json) -> {
          org.apache.hadoop.fs.Path model = new org.apache.hadoop.fs.Path(config.model().path());
          long bytes = model.getFileSystem(hadoop).getFileStatus(model).getLen();
          return json ? "{\"bytes\": " + bytes + "}" : bytes + " bytes";
        };
    List<JobCommand> commands =
        List.of(
            new CalibrateCommand(UNREACHED),
            EvaluateCommand.of(UNREACHED),
            new InspectCommand(size),
            new DemoCommand(UNREACHED));
    return new NoisyQuantJob(commands, new PrintWriter(out), new PrintWriter(err)).run(args);
  }
}
