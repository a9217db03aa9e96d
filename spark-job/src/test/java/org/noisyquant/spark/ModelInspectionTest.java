package org.noisyquant.spark;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.hadoop.conf.Configuration;
import org.junit.jupiter.api.Test;
import org.noisyquant.testing.TestData;

class ModelInspectionTest {
  private static String inspect(String model, boolean json, Map<String, Object> more) {
    Map<String, Object> keys = new HashMap<>(more);
    keys.put("model.path", TestData.fashion(model).toString());
    return new ModelInspection().describe(JobConfig.of(keys), new Configuration(), json);
  }

  @Test
  void textSaysIntoWhatNoiseFoldsOrWhyNot() {
    List<String> lines = inspect("fashion_vit.onnx", false, Map.of()).lines().toList();

    assertThat(lines)
        .anyMatch(line -> line.matches(".* blocks\\.0\\.attn\\.qkv .* into the norm .*norm1 .*"))
        .anyMatch(
            line -> line.matches(".* blocks\\.0\\.attn\\.proj .* into the values of .*qkv .*"))
        .anyMatch(line -> line.matches(".* blocks\\.0\\.mlp\\.fc2 .* an Add: fed by GELU .*"))
        .last()
        .isEqualTo("24 of 25 sites are quantized; the noise of 6 of them needs an Add");
  }

  @Test
  void jsonSaysTheSame() throws IOException {
    JsonNode report = new ObjectMapper().readTree(inspect("fashion_vit.onnx", true, Map.of()));

    assertThat(report.path("explicitAdds").asInt()).isEqualTo(6);
    JsonNode qkv = report.path("sites").path(0);
    assertThat(qkv.path("noiseFold").asText()).isEqualTo("layerNorm");
    assertThat(qkv.path("noiseFoldsInto").asText()).isEqualTo("blocks.0.norm1");
    assertThat(qkv.has("noFoldReason")).isFalse();
    JsonNode proj = report.path("sites").path(1);
    assertThat(proj.path("noiseFold").asText()).isEqualTo("valueBias");
    assertThat(proj.path("noiseFoldsInto").asText()).isEqualTo("blocks.0.attn.qkv");
    JsonNode fc2 = report.path("sites").path(3);
    assertThat(fc2.path("noiseFold").asText()).isEqualTo("add");
    assertThat(fc2.path("noFoldReason").asText()).isEqualTo("fed by GELU");
  }

  @Test
  void onlyQuantizedSitesCountAsAdds() throws IOException {
    String report =
        inspect("fashion_swin.onnx", true, Map.of("quantization.exclude", List.of("*.3.*fc2")));

    assertThat(new ObjectMapper().readTree(report).path("explicitAdds").asInt()).isEqualTo(3);
  }

  @Test
  void withoutFoldingTheNoiseOfEverySiteNeedsAnAdd() {
    String report = inspect("fashion_vit.onnx", false, Map.of("noise.fold", false));

    assertThat(report)
        .contains("an Add: folding is switched off")
        .endsWith("24 of 25 sites are quantized; the noise of 24 of them needs an Add");
  }

  @Test
  void theMemoryOfEveryPassIsPredicted() throws IOException {
    JsonNode memory =
        new ObjectMapper().readTree(inspect("fashion_vit.onnx", true, Map.of())).path("memory");

    assertThat(memory.path("local").asBoolean()).isTrue();
    assertThat(memory.path("passes").findValuesAsText("pass"))
        .containsExactly("statistics", "solve", "score", "evaluate");
    JsonNode statistics = memory.path("passes").path(0);
    assertThat(statistics.path("heap").asLong())
        .isGreaterThan(memory.path("tasks").asLong() * statistics.path("taskHeap").asLong());
    assertThat(inspect("fashion_vit.onnx", false, Map.of())).contains("\nstatistics  ");
  }

  @Test
  void lessMemoryForStatisticsIsASmallerTask() throws IOException {
    assertThat(statisticsTask(Map.of("statistics.memoryMiB", 8)))
        .isLessThan(statisticsTask(Map.of()));
  }

  private static long statisticsTask(Map<String, Object> keys) throws IOException {
    return new ObjectMapper()
        .readTree(inspect("fashion_vit.onnx", true, keys))
        .path("memory")
        .path("passes")
        .path(0)
        .path("taskHeap")
        .asLong();
  }
}
