package org.noisyquant.onnx;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import ai.onnxruntime.TensorInfo;
import java.nio.FloatBuffer;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.noisyquant.graph.ActivationSite;
import org.noisyquant.testing.Npy;
import org.noisyquant.testing.TestData;

class ActivationTapsTest {
  private static OnnxModel model(String name) {
    return OnnxModel.read(TestData.fashion(name + ".onnx"));
  }

  private static List<String> siteTensors(OnnxModel model) {
    return model.graph().sites().stream().map(ActivationSite::tensor).toList();
  }

  private static float[] values(OrtSession.Result result, String output) {
    FloatBuffer buffer = ((OnnxTensor) result.get(output).orElseThrow()).getFloatBuffer();
    float[] values = new float[buffer.remaining()];
    buffer.get(values);
    return values;
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"fashion_vit", "fashion_vit_opset13", "fashion_vit_split_qkv", "fashion_swin"})
  void tapsShowEverySiteAndLeaveTheLogitsAlone(String name) throws OrtException {
    OnnxModel model = model(name);
    String golden = name.equals("fashion_swin") ? "fashion_swin" : "fashion_vit";
    Npy pixels = Npy.read(TestData.fashion(golden + "_golden_pixel_values.npy"));
    float[] logits = Npy.read(TestData.fashion(golden + "_golden_logits.npy")).floats();
    long[] shape = {8, 3, model.graph().height(), model.graph().width()};
    OrtEnvironment environment = OrtEnvironment.getEnvironment();

    try (OrtSession session =
            environment.createSession(ActivationTaps.addTo(model, siteTensors(model)).bytes());
        OnnxTensor input =
            OnnxTensor.createTensor(environment, FloatBuffer.wrap(pixels.floats()), shape);
        OrtSession.Result result = session.run(Map.of("pixel_values", input))) {
      assertThat(values(result, "logits")).containsExactly(logits, within(1e-3f));
      for (ActivationSite site : model.graph().sites()) {
        TensorInfo tapped = (TensorInfo) result.get(site.tensor()).orElseThrow().getInfo();
        long[] dims = tapped.getShape();
        assertThat(dims[dims.length - 1]).as(site.name()).isEqualTo(site.channels());
      }
    }
  }

  @Test
  void theSameTapsGiveTheSameBytes() {
    OnnxModel model = model("fashion_vit");

    assertThat(ActivationTaps.addTo(model, siteTensors(model)).bytes())
        .isEqualTo(ActivationTaps.addTo(model("fashion_vit"), siteTensors(model)).bytes());
  }

  @Test
  void noTapsGiveTheModelItself() {
    OnnxModel model = model("fashion_vit");

    assertThat(ActivationTaps.addTo(model, List.of()).bytes()).isEqualTo(model.file().bytes());
  }

  @Test
  void whatIsAnOutputAlreadyIsNotAddedAgain() {
    OnnxModel model = model("fashion_vit");
    String tensor = siteTensors(model).get(0);

    OnnxModel tapped =
        OnnxModel.parse(
            ActivationTaps.addTo(model, List.of("logits", tensor, tensor)).bytes(), "tapped model");

    assertThat(tapped.proto().getGraph().getOutputList())
        .extracting(output -> output.getName())
        .containsExactly("logits", tensor);
  }

  @Test
  void anUnknownTensorIsRefused() {
    OnnxModel model = model("fashion_vit");

    assertThatThrownBy(() -> ActivationTaps.addTo(model, List.of("nowhere")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("nowhere");
  }

  @Test
  void bytesThatAreNoModelAreRefused() {
    assertThatThrownBy(() -> ActivationTaps.addTo(new byte[] {1, 2, 3}, List.of()))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("no ONNX model");
  }
}
