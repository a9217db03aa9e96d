package org.noisyquant.spark;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.noisyquant.image.Preprocessing;
import org.noisyquant.result.CalibrationResult;
import org.noisyquant.result.SiteResult;
import org.noisyquant.spark.TestJob.Ended;
import org.noisyquant.spark.stage.ImageHash;
import org.noisyquant.spark.testing.LocalSpark;
import org.noisyquant.stats.SiteStatistics;
import org.noisyquant.stats.SiteStatistics.Part;
import org.noisyquant.testing.TestData;

/** What is in the output folder of a calibration. */
class CalibrationFilesIT {
  private static final int IMAGES = 10;

  @TempDir static Path folder;

  private static Ended ended;
  private static List<SiteResult> sites;

  @BeforeAll
  static void calibrate() throws IOException {
    TestJob job = new TestJob(folder);
    Path images = job.images("images", IMAGES);
    Files.copy(TestData.fashion("calibration/labels.csv"), images.resolve("labels.csv"));
    ended = job.calibrate("out", "fashion_vit.onnx", images, "--include", "blocks.0.*");
    assertThat(ended.exitCode()).as(ended.err()).isZero();
    sites = ended.calibration().sites();
  }

  private static Dataset<Row> parquet(String file) {
    return LocalSpark.session().read().parquet(ended.output().resolve(file).toString());
  }

  @Test
  void theFolderHoldsTheDocumentedFilesAndNothingElse() {
    assertThat(ended.output().toFile().list())
        .containsExactlyInAnyOrder(
            "_SUCCESS",
            "_noisyquant",
            "model.onnx",
            "baseline.onnx",
            "preprocessor_config.json",
            "calibration.json",
            "layers.parquet",
            "candidates.parquet",
            "metrics.json",
            "statistics",
            "quarantine.csv");
    assertThat(ended.output().resolve("quarantine.csv")).hasContent("file,reason");
  }

  @Test
  void layersHaveOneRowPerSiteWithWhatCalibrationJsonSays() {
    List<Row> rows = parquet("layers.parquet").orderBy("site").collectAsList();
    assertThat(rows).hasSameSizeAs(sites).hasSize(4);
    for (int i = 0; i < rows.size(); i++) {
      Row row = rows.get(i);
      SiteResult site = sites.get(i);
      assertThat(row.<Integer>getAs("site")).isEqualTo(site.site());
      assertThat(row.<String>getAs("name")).isEqualTo(site.name());
      assertThat(row.getList(row.fieldIndex("layers"))).isEqualTo(site.layers());
      assertThat(row.<Integer>getAs("channels")).isEqualTo(site.channels());
      assertThat(row.<Integer>getAs("prefixTokens")).isEqualTo(1);
      assertThat(row.<Integer>getAs("weightBits")).isEqualTo(6);
      assertThat(row.<Float>getAs("absMax")).isEqualTo(site.absMax());
      assertThat(row.<Double>getAs("minMaxLoss")).isEqualTo(site.minMax().loss());
      assertThat(row.<Double>getAs("baselineClip")).isEqualTo(site.baseline().clip());
      assertThat(row.<Float>getAs("baselineStep")).isEqualTo(site.baseline().step());
      assertThat(row.<Double>getAs("baselineLoss")).isEqualTo(site.baseline().loss());
      assertThat(row.<Double>getAs("baselineHeldOutLoss")).isEqualTo(site.baseline().heldOutLoss());
      assertThat(row.<String>getAs("noise")).isEqualTo(site.chosen().noise().name());
      assertThat(row.<Boolean>getAs("noiseDropped")).isFalse();
      assertThat(row.<Boolean>getAs("rescaled")).isFalse();
      assertThat(row.<Double>getAs("clip")).isEqualTo(site.chosen().clip());
      assertThat(row.<Float>getAs("step")).isEqualTo(site.chosen().step());
      assertThat(row.<Double>getAs("shift")).isEqualTo(site.chosen().shift());
      assertThat(row.<Double>getAs("range")).isEqualTo(site.chosen().range());
      assertThat(row.<Double>getAs("predictedLoss")).isNull();
      assertThat(row.<Double>getAs("loss")).isEqualTo(site.chosen().loss());
      assertThat(row.<Double>getAs("heldOutLoss")).isEqualTo(site.chosen().heldOutLoss());
    }
  }

  @Test
  void candidatesHoldEveryCandidateOfEverySearch() {
    Dataset<Row> candidates = parquet("candidates.parquet");
    assertThat(candidates.where("search = 'CLIP'").count()).isEqualTo(8L * sites.size());
    assertThat(candidates.where("search = 'SHIFT'").count()).isEqualTo(4L * sites.size());
    assertThat(candidates.where("search = 'RANGE'").count()).isEqualTo(6L * sites.size());
    assertThat(candidates.where("predicted is not null").count()).isZero();
    for (SiteResult site : sites) {
      Row best =
          candidates
              .where("search = 'CLIP' and site = " + site.site())
              .orderBy("loss", "index")
              .first();
      assertThat(best.<Double>getAs("clip")).isEqualTo(site.baseline().clip());
      assertThat(best.<Double>getAs("loss")).isEqualTo(site.baseline().loss());
    }
  }

  @Test
  void statisticsCanBeReadAgain() {
    List<Row> rows = parquet("statistics/sites.parquet").orderBy("site").collectAsList();
    assertThat(rows).hasSameSizeAs(sites);
    for (int i = 0; i < rows.size(); i++) {
      SiteStatistics statistics = SiteStatistics.fromBytes(rows.get(i).getAs("statistics"));
      SiteResult site = sites.get(i);
      assertThat(statistics.site()).isEqualTo(rows.get(i).<Integer>getAs("site"));
      assertThat(statistics.channels()).isEqualTo(site.channels());
      assertThat(statistics.prefixTokens()).isEqualTo(site.prefixTokens());
      assertThat(statistics.images(Part.CALIBRATION) + statistics.images(Part.HELD_OUT))
          .isEqualTo(IMAGES);
      float largest = 0;
      for (int c = 0; c < statistics.channels(); c++) {
        largest = Math.max(largest, statistics.absMax(Part.CALIBRATION, c));
      }
      assertThat(largest).isEqualTo(site.absMax());
    }
  }

  @Test
  void statisticsSayWhichImagesTheyAreOf() throws IOException {
    List<Row> rows = parquet("statistics/images.parquet").collectAsList();
    assertThat(rows).hasSize(IMAGES);
    for (Row row : rows) {
      Path file = TestData.fashion("calibration").resolve(row.<String>getAs("name"));
      String digest = ImageHash.digest(Files.readAllBytes(file));
      assertThat(row.<String>getAs("digest")).isEqualTo(digest);
      boolean heldOut = ImageHash.isHeldOut(0, digest, 0.125);
      assertThat(row.<String>getAs("part")).isEqualTo(heldOut ? "HELD_OUT" : "CALIBRATION");
    }
  }

  @Test
  void metricsHaveTheDocumentedNames() {
    JsonNode metrics = ended.metrics();
    List<String> names =
        List.of(
            "command",
            "status",
            "exit.code",
            "error.code",
            "fp32.top1",
            "fp32.top5",
            "baseline.top1",
            "baseline.top5",
            "baseline.agreement",
            "baseline.kl",
            "baseline.sqnrDb",
            "noisyquant.top1",
            "noisyquant.top5",
            "noisyquant.agreement",
            "noisyquant.kl",
            "noisyquant.sqnrDb",
            "images.used",
            "images.heldOut",
            "images.quarantined",
            "evaluation.images",
            "evaluation.quarantined",
            "sites",
            "sites.explicitAdds",
            "search.prefixWeight",
            "seconds.total",
            "seconds.statistics",
            "seconds.search",
            "seconds.weights",
            "seconds.evaluate",
            "bytes.model");
    assertThat(metrics.fieldNames()).toIterable().contains(names.toArray(new String[0]));
    assertThat(metrics.properties()).allMatch(entry -> entry.getValue().isValueNode());
    assertThat(metrics.get("status").asText()).isEqualTo("succeeded");
    assertThat(metrics.get("sites").asInt()).isEqualTo(4);
    // The post-GELU site has noise, or none.
    assertThat(metrics.get("sites.explicitAdds").asInt())
        .isEqualTo(sites.get(3).noise().length > 0 ? 1 : 0);
    assertThat(metrics.get("images.used").asInt() + metrics.get("images.heldOut").asInt())
        .isEqualTo(IMAGES);
    assertThat(metrics.get("bytes.model").asLong()).isEqualTo(ended.bytes("model.onnx").length);
  }

  @Test
  void thePreprocessingIsThatOfTheModelAndCanBeReadAgain() {
    Path given = TestData.fashion("preprocessor_config_vit.json");
    Path written = ended.output().resolve("preprocessor_config.json");
    Preprocessing expected = Preprocessing.fromJson(TestJob.text(given), given.toString(), 28, 28);
    Preprocessing actual =
        Preprocessing.fromJson(TestJob.text(written), written.toString(), 28, 28);
    assertThat(actual).isEqualTo(expected);
    assertThat(actual.toJson()).isEqualTo(TestJob.text(written));
  }

  @Test
  void calibrationJsonIsTheSameWhenReadAndWrittenAgain() {
    CalibrationResult result = ended.calibration();
    assertThat(result.toJson()).isEqualTo(TestJob.text(ended.output().resolve("calibration.json")));
  }
}
