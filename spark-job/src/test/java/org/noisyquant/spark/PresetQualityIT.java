package org.noisyquant.spark;

import static org.assertj.core.api.Assertions.assertThat;

import ai.onnx.proto.OnnxMl.ModelProto;
import ai.onnx.proto.OnnxMl.NodeProto;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.noisyquant.graph.ModelGraph;
import org.noisyquant.onnx.OnnxModel;
import org.noisyquant.spark.TestJob.Ended;
import org.noisyquant.testing.OrtRun;
import org.noisyquant.testing.TestData;
import org.noisyquant.testing.TestImages;

/** What the presets are worth at W4A4, on the model and images of the demo. */
class PresetQualityIT {
  @TempDir static Path folder;

  private static final Map<String, Ended> RUNS = new HashMap<>();
  private static Path demo;

  @BeforeAll
  static void unpack() throws IOException {
    demo = folder.resolve("demo");
    DemoBundle.unpack(
        FileSystem.getLocal(new Configuration()), new org.apache.hadoop.fs.Path(demo.toUri()));
  }

  private static Ended of(String preset) {
    return RUNS.computeIfAbsent(
        preset,
        name -> {
          Path config = folder.resolve(name + ".conf");
          TestJob.write(config, "noisyquant.evaluation.bootstrapReplicates = 1");
          Ended ended =
              new TestJob(folder)
                  .run(
                      name,
                      List.of(
                          "calibrate",
                          "--config",
                          config.toString(),
                          "--model",
                          demo.resolve(DemoBundle.MODEL).toString(),
                          "--images",
                          demo.resolve(DemoBundle.CALIBRATION).toString(),
                          "--calibration-count",
                          "48",
                          "--evaluation-images",
                          demo.resolve(DemoBundle.EVALUATION).toString(),
                          "--output",
                          folder.resolve(name).toString(),
                          "--preset",
                          name,
                          "--weight-bits",
                          "4",
                          "--activation-bits",
                          "4"));
          assertThat(ended.exitCode()).as(ended.err()).isZero();
          assertThat(ended.metrics().get("evaluation.images").asInt()).isEqualTo(300);
          return ended;
        });
  }

  private static double metric(String preset, String name) {
    return of(preset).metrics().get(name).asDouble();
  }

  /**
   * The ratio of signal to error in the logits, in dB: on 300 images, half of the KL divergence is
   * that of a few, so that presets are not told apart by it.
   */
  @Test
  void bestIsCloserToTheModelThanBalancedAndThatThanThePaper() {
    double paper = metric("paper", "noisyquant.sqnrDb");
    double balanced = metric("balanced", "noisyquant.sqnrDb");
    double best = metric("best", "noisyquant.sqnrDb");
    assertThat(paper).isGreaterThan(15);
    assertThat(balanced).isGreaterThan(paper + 1.2);
    assertThat(best).isGreaterThan(balanced + 0.3);
  }

  /** Weights that are fitted to the quantized input take off some of what noise could. */
  @ParameterizedTest
  @CsvSource({"balanced, 0.8", "best, 0.3"})
  void optimizedNoiseGains(String preset, double decibels) {
    assertThat(metric(preset, "noisyquant.sqnrDb"))
        .isGreaterThan(metric(preset, "baseline.sqnrDb") + decibels);
  }

  @ParameterizedTest
  @ValueSource(strings = {"model.onnx", "baseline.onnx"})
  void everyLayerOfABlockRunsOnAnIntegerKernel(String file) throws IOException {
    ModelGraph graph = OnnxModel.read(demo.resolve(DemoBundle.MODEL)).graph();
    float[] pixels =
        TestImages.read(
            TestJob.fashionImages().get(0),
            TestImages.preprocessor(TestData.fashion("preprocessor_config_vit.json"), graph));
    Path optimized = folder.resolve("optimized-" + file);
    OrtRun.optimized(
        of("best").bytes(file), optimized, pixels, 1, 3, graph.height(), graph.width());

    List<String> operators =
        ModelProto.parseFrom(Files.readAllBytes(optimized)).getGraph().getNodeList().stream()
            .map(NodeProto::getOpType)
            .toList();
    assertThat(Collections.frequency(operators, "MatMulIntegerToFloat")).isEqualTo(24);
  }
}
