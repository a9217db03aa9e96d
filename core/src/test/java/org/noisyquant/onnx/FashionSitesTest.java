package org.noisyquant.onnx;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.noisyquant.graph.ActivationSite;
import org.noisyquant.graph.ActivationSite.Role;
import org.noisyquant.graph.LinearLayer;
import org.noisyquant.graph.ModelGraph;
import org.noisyquant.testing.TestData;

/** Expected numbers were counted with the onnx package of Python. */
class FashionSitesTest {
  private static ModelGraph graph(String model) {
    return OnnxModel.read(TestData.fashion(model + ".onnx")).graph();
  }

  private static List<ActivationSite> blocks(ModelGraph graph) {
    return graph.sites().stream().filter(site -> site.role() == Role.BLOCK).toList();
  }

  @ParameterizedTest
  @CsvSource({
    "fashion_vit, 24, 24, 28",
    "fashion_vit_opset13, 24, 24, 28",
    "fashion_vit_split_qkv, 24, 36, 28",
    "fashion_swin, 17, 17, 32"
  })
  void everyLinearLayerIsInOneSite(String model, int blockSites, int blockLayers, int size) {
    ModelGraph graph = graph(model);

    assertThat(blocks(graph)).hasSize(blockSites);
    assertThat(blocks(graph).stream().mapToInt(site -> site.layers().size()).sum())
        .isEqualTo(blockLayers);
    assertThat(graph.sites()).hasSize(blockSites + 1);
    assertThat(graph.sites().get(blockSites).name()).isEqualTo("head");
    assertThat(graph.sites().get(blockSites).role()).isEqualTo(Role.HEAD);
    assertThat(List.of(graph.height(), graph.width(), graph.classes()))
        .containsExactly(size, size, 10);
    assertThat(graph.input()).isEqualTo("pixel_values");
    assertThat(graph.output()).isEqualTo("logits");
  }

  @ParameterizedTest
  @ValueSource(strings = {"fashion_vit", "fashion_vit_opset13"})
  void sitesAreNamedAfterTheirModules(String model) {
    List<String> expected = new ArrayList<>();
    for (int i = 0; i < 6; i++) {
      for (String layer : List.of("attn.qkv", "attn.proj", "mlp.fc1", "mlp.fc2")) {
        expected.add("blocks." + i + "." + layer);
      }
    }
    expected.add("head");

    assertThat(graph(model).sites()).extracting(ActivationSite::name).isEqualTo(expected);
  }

  @Test
  void queryKeyAndValueShareASite() {
    ActivationSite site = graph("fashion_vit_split_qkv").sites().get(0);

    assertThat(site.name()).isEqualTo("blocks.0.attn.query+key+value");
    assertThat(site.layers())
        .extracting(LinearLayer::name)
        .containsExactly("blocks.0.attn.query", "blocks.0.attn.key", "blocks.0.attn.value");
    assertThat(site.outputs()).isEqualTo(192);
  }

  @Test
  void theSplitFormHasTheSameSitesAsTheFusedForm() {
    List<String> fused = graph("fashion_vit").sites().stream().map(ActivationSite::tensor).toList();

    // The same modules export to the same tensor names; only the attention inside is renumbered.
    assertThat(graph("fashion_vit_split_qkv").sites())
        .extracting(site -> site.tensor().replaceAll("Reshape_\\d", "Reshape"))
        .isEqualTo(fused.stream().map(t -> t.replaceAll("Reshape_\\d", "Reshape")).toList());
  }

  @ParameterizedTest
  @ValueSource(strings = {"fashion_vit", "fashion_vit_opset13", "fashion_vit_split_qkv"})
  void blocksSeeOnePrefixTokenAndTheHeadNone(String model) {
    Map<Role, List<Integer>> prefixes =
        graph(model).sites().stream()
            .collect(
                Collectors.groupingBy(
                    ActivationSite::role,
                    Collectors.mapping(ActivationSite::prefixTokens, Collectors.toList())));

    assertThat(prefixes.get(Role.BLOCK)).hasSize(24).containsOnly(1);
    assertThat(prefixes.get(Role.HEAD)).containsExactly(0);
  }

  @Test
  void swinHasNoPrefixTokens() {
    assertThat(graph("fashion_swin").sites())
        .extracting(ActivationSite::prefixTokens)
        .containsOnly(0);
  }

  @Test
  void patchMergingIsABlockLayerWithoutBias() {
    ActivationSite merging =
        graph("fashion_swin").sites().stream()
            .filter(site -> site.name().equals("layers.2.reduction"))
            .findFirst()
            .orElseThrow();

    assertThat(merging.role()).isEqualTo(Role.BLOCK);
    assertThat(merging.layers().get(0).hasBias()).isFalse();
    assertThat(merging.channels()).isEqualTo(192);
    assertThat(merging.outputs()).isEqualTo(96);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"fashion_vit", "fashion_vit_opset13", "fashion_vit_split_qkv", "fashion_swin"})
  void onlyThePatchEmbeddingIsSkipped(String model) {
    assertThat(graph(model).skipped())
        .singleElement()
        .satisfies(
            skipped -> {
              assertThat(skipped.name()).isEqualTo("patch_embed");
              assertThat(skipped.operator()).isEqualTo("Conv");
              assertThat(skipped.reason()).contains("patch embedding");
            });
  }
}
