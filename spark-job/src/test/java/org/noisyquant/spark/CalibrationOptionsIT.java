package org.noisyquant.spark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.tuple;

import ai.onnx.proto.OnnxMl.GraphProto;
import ai.onnx.proto.OnnxMl.ModelProto;
import ai.onnx.proto.OnnxMl.TensorProto;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.apache.spark.sql.Row;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.noisyquant.result.SiteResult;
import org.noisyquant.spark.TestJob.Ended;
import org.noisyquant.spark.testing.CapturedLog;
import org.noisyquant.spark.testing.LocalSpark;
import org.noisyquant.testing.TestData;

/** What the keys of {@code quantization} and {@code search} do. */
class CalibrationOptionsIT {
  private static final String VIT = "fashion_vit.onnx";

  @TempDir static Path folder;

  private static TestJob job;
  private static Path images;

  @BeforeAll
  static void copyImages() {
    job = new TestJob(folder);
    images = job.images("images", 6);
  }

  private static Ended calibrate(String output, String keys, String... flags) {
    Ended ended = job.calibrate(output, TestJob.COARSE + keys, VIT, images, flags);
    assertThat(ended.exitCode()).as(ended.err()).isZero();
    return ended;
  }

  /** The rows of layers.parquet: site name to weight bits and activation bits. */
  private static Map<String, List<Integer>> bits(Ended ended) {
    Map<String, List<Integer>> bits = new HashMap<>();
    for (Row row :
        LocalSpark.session()
            .read()
            .parquet(ended.output().resolve("layers.parquet").toString())
            .select("name", "weightBits", "activationBits")
            .collectAsList()) {
      bits.put(row.getString(0), List.of(row.getInt(1), row.getInt(2)));
    }
    return bits;
  }

  @Test
  void onlyIncludedSitesThatAreNotExcludedAreQuantized() {
    Ended ended =
        calibrate(
            "chosen", "", "--include", "blocks.1.*", "--exclude", "*.fc1", "--weight-bits", "4");
    assertThat(bits(ended))
        .containsOnly(
            Map.entry("blocks.1.attn.qkv", List.of(4, 6)),
            Map.entry("blocks.1.attn.proj", List.of(4, 6)),
            Map.entry("blocks.1.mlp.fc2", List.of(4, 6)));
  }

  @Test
  void sitesThatAreLeftOutStayInFloatingPoint() throws IOException {
    Ended ended = calibrate("one-site", "", "--include", "blocks.1.mlp.fc1");
    List<String> before = floatWeights(TestData.fashionBytes(VIT));
    List<String> after = floatWeights(ended.bytes("model.onnx"));
    assertThat(before).hasSizeGreaterThan(20).containsAll(after);
    assertThat(after).hasSize(before.size() - 1);
    assertThat(floatWeights(ended.bytes("baseline.onnx"))).isEqualTo(after);
  }

  /** The initializers that matrix products read as they are. */
  private static List<String> floatWeights(byte[] model) throws IOException {
    GraphProto graph = ModelProto.parseFrom(model).getGraph();
    Set<String> initializers =
        graph.getInitializerList().stream().map(TensorProto::getName).collect(Collectors.toSet());
    return graph.getNodeList().stream()
        .filter(node -> List.of("MatMul", "Gemm").contains(node.getOpType()))
        .map(node -> node.getInput(1))
        .filter(initializers::contains)
        .toList();
  }

  @Test
  void theHeadIsQuantizedAtEdgeBitsWhereItIsAskedFor() {
    Ended ended =
        calibrate(
            "head",
            "noisyquant.quantization { head = true, edgeBits = 7 }",
            "--include",
            "head",
            "--include",
            "blocks.0.mlp.fc2");
    assertThat(bits(ended))
        .containsOnly(
            Map.entry("head", List.of(7, 7)), Map.entry("blocks.0.mlp.fc2", List.of(6, 6)));
  }

  @Test
  void reduceRangeTakesOneBitOffEightBitWeights() {
    String keys =
        "noisyquant.quantization { weightBits = 8, activationBits = 8, reduceRange = %s }";
    Ended reduced =
        calibrate("reduced", String.format(keys, "true"), "--include", "blocks.0.mlp.fc2");
    Ended full = calibrate("full", String.format(keys, "false"), "--include", "blocks.0.mlp.fc2");
    assertThat(bits(reduced)).containsOnly(Map.entry("blocks.0.mlp.fc2", List.of(7, 8)));
    assertThat(bits(full)).containsOnly(Map.entry("blocks.0.mlp.fc2", List.of(8, 8)));
  }

  @Test
  void aPatternThatMatchesNoSiteIsWarnedOf() {
    try (CapturedLog log = CapturedLog.open()) {
      calibrate("mistyped", "", "--include", "blocks.0.mlp.fc2", "--exclude", "block.0.*");
      assertThat(log.lines())
          .filteredOn(line -> line.contains("matches no site"))
          .singleElement()
          .asString()
          .startsWith("WARN quantization.exclude = block.0.* matches no site of ")
          .contains(VIT);
    }
  }

  @Test
  void theSearchAtTheInputFindsAnotherLoss() {
    Ended output = calibrate("by-output", "", "--include", "blocks.0.mlp.fc2");
    Ended input =
        calibrate("by-input", "", "--include", "blocks.0.mlp.fc2", "--objective", "input");
    SiteResult byOutput = output.calibration().sites().get(0);
    SiteResult byInput = input.calibration().sites().get(0);
    assertThat(byInput.absMax()).isEqualTo(byOutput.absMax());
    // On a grid that covers all values, rounding is off by half a step at most.
    double halfStep = byInput.minMax().step() / 2;
    assertThat(byInput.minMax().loss()).isBetween(1e-3 * halfStep * halfStep, halfStep * halfStep);
    assertThat(byOutput.minMax().loss()).isNotEqualTo(byInput.minMax().loss());
  }

  @Test
  void theExhaustiveSearchTriesTheAuthorsWholeGrid() {
    Path one = job.images("one", 1);
    String keys =
        "noisyquant { preset = paper, search.mode = exhaustive, images.heldOutFraction = 0 }";
    Ended ended =
        job.calibrate("all", TestJob.COARSE + keys, VIT, one, "--include", "blocks.0.mlp.fc2");
    assertThat(ended.exitCode()).as(ended.err()).isZero();
    assertThat(
            LocalSpark.session()
                .read()
                .parquet(ended.output().resolve("candidates.parquet").toString())
                .groupBy("search")
                .count()
                .collectAsList())
        .extracting(row -> row.getString(0), row -> row.getLong(1))
        .containsExactlyInAnyOrder(
            tuple("CLIP", 1000L), tuple("SHIFT", 400L), tuple("RANGE", 2000L));
  }

  @Test
  void whetherNoiseIsFoldedChangesNothingOfWhatThePapersSearchFinds() {
    Ended folded = calibrate("folded", "", "--include", "blocks.0.*");
    Ended added = calibrate("added", "noisyquant.noise.fold = false", "--include", "blocks.0.*");
    JsonNode expected = folded.reproducible();
    ((ObjectNode) expected.path("provenance").path("configuration")).put("noiseFold", false);
    assertThat(added.reproducible()).isEqualTo(expected);
    assertThat(added.metrics().get("sites.explicitAdds").asInt())
        .isGreaterThan(folded.metrics().get("sites.explicitAdds").asInt());
  }
}
