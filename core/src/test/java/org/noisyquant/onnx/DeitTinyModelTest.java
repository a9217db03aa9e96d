package org.noisyquant.onnx;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.noisyquant.graph.ActivationSite;
import org.noisyquant.graph.ActivationSite.Role;
import org.noisyquant.graph.LinearLayer;
import org.noisyquant.testing.TestData;

class DeitTinyModelTest {
  private static OnnxModel model() {
    return OnnxModel.read(TestData.requireShared("deit-tiny/deit_tiny_patch16_224.onnx"));
  }

  @Test
  void blockSitesAreThoseOfTheReference() throws IOException {
    JsonNode reference =
        new ObjectMapper()
            .readTree(TestData.requireShared("deit-tiny/reference_layers.json").toFile());
    List<String> expected = new ArrayList<>();
    for (JsonNode layer : reference.get("layers")) {
      expected.add(
          layer.get("layer").asText() + " " + layer.get("inputs") + "x" + layer.get("outputs"));
    }

    List<ActivationSite> blocks =
        model().graph().sites().stream().filter(site -> site.role() == Role.BLOCK).toList();

    assertThat(blocks)
        .extracting(site -> site.name() + " " + site.channels() + "x" + site.outputs())
        .hasSize(48)
        .isEqualTo(expected);
    assertThat(blocks).extracting(ActivationSite::prefixTokens).containsOnly(1);
  }

  @Test
  void theHeadComesLastAndThePatchEmbeddingIsSkipped() {
    OnnxModel model = model();

    ActivationSite head = model.graph().sites().get(48);
    assertThat(model.graph().sites()).hasSize(49);
    assertThat(head.role()).isEqualTo(Role.HEAD);
    assertThat(head.prefixTokens()).isZero();
    assertThat(model.graph().classes()).isEqualTo(1000);
    assertThat(model.graph().skipped())
        .extracting(skipped -> skipped.name())
        .containsExactly("patch_embed.proj");
  }

  @Test
  void weightsAreThoseNumpyReads() {
    OnnxModel model = model();
    LinearLayer fc1 = model.graph().sites().get(2).layers().get(0);

    double sum = 0;
    for (float value : model.weight(fc1)) {
      sum += value;
    }

    assertThat(sum).isCloseTo(69.63514711420859, within(1e-9));
  }
}
