package org.noisyquant.runtime;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import ai.onnx.proto.OnnxMl.TensorProto.DataType;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.noisyquant.error.ErrorCode;
import org.noisyquant.error.NoisyQuantException;
import org.noisyquant.onnx.OnnxFile;
import org.noisyquant.onnx.OnnxModel;
import org.noisyquant.testing.GraphBuilder;
import org.noisyquant.testing.TestData;

class ModelTrialTest {
  private static ModelTrial trial;

  @BeforeAll
  static void open() {
    trial = ModelTrial.open();
  }

  @AfterAll
  static void close() {
    trial.close();
  }

  @Test
  void aModelThatRunsPasses() {
    assertThatCode(
            () ->
                trial.run(
                    "good.onnx",
                    OnnxFile.of(TestData.fashionBytes("fashion_vit.onnx")),
                    28,
                    28,
                    List.of("logits")))
        .doesNotThrowAnyException();
  }

  @Test
  void whatOnnxRuntimeRefusesIsRefusedByTheNameOfTheModel() {
    byte[] model =
        new GraphBuilder(17)
            .image()
            .node("Reshape", List.of("pixel_values", "shape"), "logits", Map.of())
            .input("shape", DataType.INT64, 2)
            .output("logits", GraphBuilder.ANY, 3)
            .bytes();

    assertThatExceptionOfType(NoisyQuantException.class)
        .isThrownBy(() -> trial.run("two-inputs.onnx", OnnxFile.of(model), 4, 4, List.of("logits")))
        .withMessageContaining("two-inputs.onnx")
        .withMessageContaining("shape")
        .satisfies(e -> assertThat(e.code()).isEqualTo(ErrorCode.MODEL_UNSUPPORTED));
    aModelThatRunsPasses();
  }

  @Test
  void theValuesOfAModelAreThoseOfThisProcess() {
    byte[] model = TestData.fashionBytes("fashion_vit.onnx");

    Map<String, float[]> values =
        trial.values("good.onnx", OnnxFile.of(model), 1, 3, 28, 28).orElseThrow();

    try (TemporaryFolder folder = TemporaryFolder.create("here")) {
      Map<String, float[]> here =
          FoldProbe.run(folder.write("good.onnx", OnnxFile.of(model)), 1, 3, 28, 28);
      assertThat(here).isNotEmpty();
      assertThat(values).containsOnlyKeys(here.keySet());
      here.forEach((name, expected) -> assertThat(values.get(name)).isEqualTo(expected));
    }
    aModelThatRunsPasses();
  }

  @Test
  void aModelThatOnnxRuntimeCrashesOnIsRefusedAndTheNextOneRuns() {
    byte[] model =
        new GraphBuilder(17)
            .image()
            .random("weight", 3)
            .node("ConvTranspose", List.of("pixel_values", "weight"), "logits")
            .output("logits", GraphBuilder.ANY, 3)
            .bytes();

    assertThatExceptionOfType(NoisyQuantException.class)
        .isThrownBy(() -> trial.run("deadly.onnx", OnnxFile.of(model), 4, 4, List.of("logits")))
        .withMessageContaining("ONNX Runtime crashed on model deadly.onnx")
        .satisfies(e -> assertThat(e.code()).isEqualTo(ErrorCode.MODEL_RUN_FAILED));
    aModelThatRunsPasses();
  }

  @Test
  void aModelThatDoesNotFinishIsStopped() {
    try (ModelTrial impatient = ModelTrial.open(Duration.ofMillis(1))) {
      OnnxFile model = OnnxFile.of(TestData.fashionBytes("fashion_vit.onnx"));
      assertThatExceptionOfType(NoisyQuantException.class)
          .isThrownBy(() -> impatient.run("slow.onnx", model, 28, 28, List.of("logits")))
          .withMessageContaining("slow.onnx did not come back")
          .satisfies(e -> assertThat(e.code()).isEqualTo(ErrorCode.MODEL_RUN_FAILED));
    }
  }

  @Test
  void aModelThatRunsTellsHowManyValuesEachSiteHas() {
    OnnxModel model = OnnxModel.read(TestData.fashion("fashion_vit.onnx"));

    List<Long> values = ModelTrial.once("fashion_vit.onnx", model).orElseThrow();

    assertThat(values).hasSameSizeAs(model.graph().sites());
    // 49 patches of 4 x 4 pixels and a class token; the classifier sees the latter alone.
    assertThat(values.get(0)).isEqualTo(50L * model.graph().sites().get(0).channels());
    assertThat(values.get(24)).isEqualTo(model.graph().sites().get(24).channels());
  }
}
