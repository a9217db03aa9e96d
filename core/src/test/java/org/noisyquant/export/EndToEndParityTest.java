package org.noisyquant.export;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import ai.onnxruntime.OrtException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.noisyquant.evaluate.Estimate;
import org.noisyquant.evaluate.EvaluationResult;
import org.noisyquant.graph.ActivationSite;
import org.noisyquant.image.Preprocessor;
import org.noisyquant.onnx.OnnxModel;
import org.noisyquant.testing.TestData;
import org.noisyquant.testing.TestImages;
import org.noisyquant.testing.TestImages.LabelledImage;

/**
 * The exported model against a simulation that shares nothing with it but the quantizer. Their
 * logits differ: a code that falls on the other side of a threshold changes those of all later
 * layers. What must agree is how far they are from FP32 over many images.
 */
class EndToEndParityTest {
  @TempDir private Path folder;

  @ParameterizedTest
  @ValueSource(strings = {"fashion_vit", "fashion_swin"})
  void exportAndSimulationAreEquallyFarFromFloat(String name) throws OrtException, IOException {
    OnnxModel model = fashionModel(name);
    Preprocessor preprocessor = fashionPreprocessor(model);
    List<LabelledImage> images = new ArrayList<>();
    for (String part : List.of("evaluation", "calibration")) {
      images.addAll(TestImages.labelled(TestData.fashion(part), preprocessor, 32));
    }

    assertEquallyFarFromFloat(model, images, 64);
  }

  @ParameterizedTest
  @ValueSource(strings = {"fashion_vit", "fashion_swin"})
  @Tag("full")
  void exportAndSimulationAreEquallyFarFromFloatOnManyImages(String name)
      throws OrtException, IOException {
    OnnxModel model = fashionModel(name);
    List<LabelledImage> images =
        TestImages.labelled(
            TestData.requireShared("fashion/evaluation"), fashionPreprocessor(model), 400);

    assertEquallyFarFromFloat(model, images, 400);
  }

  @Test
  @Tag("full")
  void exportAndSimulationOfDeitTinyAreEquallyFarFromFloat() throws OrtException, IOException {
    OnnxModel model =
        OnnxModel.read(TestData.requireShared("deit-tiny/deit_tiny_patch16_224.onnx"));
    Preprocessor preprocessor =
        TestImages.preprocessor(
            TestData.requireShared("deit-tiny/preprocessor_config.json"), model.graph());
    List<LabelledImage> images =
        TestImages.labelled(TestData.requireShared("imagenet/dev"), preprocessor, 96);

    assertEquallyFarFromFloat(model, images, 96);
  }

  @Test
  void aModelThatKeepsTheNoiseInItsOutputsIsFoundOut() throws OrtException, IOException {
    OnnxModel model = fashionModel("fashion_vit");
    List<LabelledImage> images =
        TestImages.labelled(TestData.fashion("evaluation"), fashionPreprocessor(model), 32);

    EvaluationResult result =
        new EndToEndParity(model, model.graph().sites(), images, folder).compareWithoutDenoising(4);

    assertThat(kl(result, 0).low()).isGreaterThan(kl(result, 1).high());
  }

  /** Behind the last layer no code can flip: there the logits agree themselves. */
  @ParameterizedTest
  @ValueSource(strings = {"fashion_vit", "fashion_swin"})
  void quantizingTheLastSiteAloneGivesTheSameLogits(String name) throws OrtException, IOException {
    OnnxModel model = fashionModel(name);
    List<ActivationSite> sites = model.graph().sites();
    List<LabelledImage> images =
        TestImages.labelled(TestData.fashion("evaluation"), fashionPreprocessor(model), 8);

    EvaluationResult result =
        new EndToEndParity(model, sites.subList(sites.size() - 1, sites.size()), images, folder)
            .compare(4);

    assertThat(kl(result, 0).value()).isPositive();
    assertThat(kl(result, 0).value())
        .isCloseTo(kl(result, 1).value(), within(1e-4 * kl(result, 1).value()));
  }

  private void assertEquallyFarFromFloat(
      OnnxModel model, List<LabelledImage> images, int expectedImages)
      throws OrtException, IOException {
    EndToEndParity parity = new EndToEndParity(model, model.graph().sites(), images, folder);
    for (int bits : new int[] {8, 6, 4}) {
      EvaluationResult result = parity.compare(bits);
      Estimate export = kl(result, 0);
      Estimate simulation = kl(result, 1);

      System.out.printf("%d bits: KL of export %s, simulation %s%n", bits, export, simulation);
      assertThat(result.images()).isEqualTo(expectedImages);
      assertThat(export.value())
          .as("KL of the export at %d bits", bits)
          .isBetween(simulation.low(), simulation.high());
      assertThat(simulation.value())
          .as("KL of the simulation at %d bits", bits)
          .isBetween(export.low(), export.high());
    }
  }

  private static Estimate kl(EvaluationResult result, int model) {
    return result.compared().get(model).kl();
  }

  private static OnnxModel fashionModel(String name) {
    return OnnxModel.read(TestData.fashion(name + ".onnx"));
  }

  private static Preprocessor fashionPreprocessor(OnnxModel model) {
    String config = model.graph().height() == 32 ? "swin" : "vit";
    return TestImages.preprocessor(
        TestData.fashion("preprocessor_config_" + config + ".json"), model.graph());
  }
}
