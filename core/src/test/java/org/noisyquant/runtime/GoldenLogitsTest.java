package org.noisyquant.runtime;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.noisyquant.graph.ModelGraph;
import org.noisyquant.image.Preprocessor;
import org.noisyquant.onnx.OnnxModel;
import org.noisyquant.testing.Npy;
import org.noisyquant.testing.TestData;
import org.noisyquant.testing.TestImages;
import org.noisyquant.testing.TestImages.LabelledImage;

/** FP32 logits and accuracy against those that came with the test files. */
class GoldenLogitsTest {
  private static final float TOLERANCE = 1e-3f;

  @ParameterizedTest
  @CsvSource({
    "fashion_vit, fashion_vit",
    "fashion_vit_opset13, fashion_vit",
    "fashion_vit_split_qkv, fashion_vit",
    "fashion_swin, fashion_swin"
  })
  void goldenPixelsGiveTheGoldenLogits(String name, String golden) {
    Path file = TestData.fashion(name + ".onnx");
    Npy pixels = Npy.read(TestData.fashion(golden + "_golden_pixel_values.npy"));
    Npy logits = Npy.read(TestData.fashion(golden + "_golden_logits.npy"));

    try (ModelRunner runner = ModelRunner.open(file, 1);
        ModelRunner.Run run = newRun(runner, OnnxModel.read(file).graph())) {
      for (int image = 0; image < pixels.shape()[0]; image++) {
        run.run(TestImages.row(pixels, image));

        assertThat(run.values(0))
            .as("image %d", image)
            .containsExactly(TestImages.row(logits, image), within(TOLERANCE));
      }
    }
  }

  @Test
  void imageNetFilesGiveTheGoldenLogitsOfDeitTiny() throws IOException {
    Path file = TestData.requireShared("deit-tiny/deit_tiny_patch16_224.onnx");
    Path images = TestData.requireShared("imagenet/calibration");
    Npy logits = Npy.read(TestData.requireShared("deit-tiny/golden_logits.npy"));
    JsonNode names =
        new ObjectMapper().readTree(TestData.requireShared("deit-tiny/golden_files.json").toFile());
    ModelGraph graph = OnnxModel.read(file).graph();
    Preprocessor preprocessor = deitPreprocessor(graph);

    try (ModelRunner runner = ModelRunner.open(file, 2);
        ModelRunner.Run run = newRun(runner, graph)) {
      assertThat(names).hasSize(8);
      for (int image = 0; image < names.size(); image++) {
        String name = names.get(image).asText();
        run.run(TestImages.read(images.resolve(name), preprocessor));

        assertThat(run.values(0))
            .as(name)
            .containsExactly(TestImages.row(logits, image), within(TOLERANCE));
      }
    }
  }

  @Test
  @Tag("full")
  void deitTinyClassifies193Of244DevelopmentImages() {
    Path file = TestData.requireShared("deit-tiny/deit_tiny_patch16_224.onnx");
    ModelGraph graph = OnnxModel.read(file).graph();
    List<LabelledImage> images =
        TestImages.labelled(
            TestData.requireShared("imagenet/dev"), deitPreprocessor(graph), Integer.MAX_VALUE);

    int correct = 0;
    try (ModelRunner runner = ModelRunner.open(file, 2);
        ModelRunner.Run run = newRun(runner, graph)) {
      for (LabelledImage image : images) {
        run.run(image.pixels());
        correct += indexOfLargest(run.values(0)) == image.label() ? 1 : 0;
      }
    }

    assertThat(images).hasSize(244);
    assertThat(correct).isBetween(192, 194);
  }

  private static Preprocessor deitPreprocessor(ModelGraph graph) {
    return TestImages.preprocessor(
        TestData.requireShared("deit-tiny/preprocessor_config.json"), graph);
  }

  private static ModelRunner.Run newRun(ModelRunner runner, ModelGraph graph) {
    return runner.newRun(graph.height(), graph.width(), List.of(graph.output()));
  }

  private static int indexOfLargest(float[] values) {
    int largest = 0;
    for (int i = 1; i < values.length; i++) {
      if (values[i] > values[largest]) {
        largest = i;
      }
    }
    return largest;
  }
}
