package org.noisyquant.spark;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.noisyquant.result.SiteResult;
import org.noisyquant.search.NoiseKind;
import org.noisyquant.spark.TestJob.Ended;
import org.noisyquant.spark.testing.LocalSpark;

/** Whole calibrations with the presets that search by statistics: reproducible, and guarded. */
class GuidedSearchIT {
  private static final String VIT = "fashion_vit.onnx";
  private static final int IMAGES = 12;

  /** Those of one block, and the head, whose input is one token of each image. */
  private static final int SITES = 5;

  /** Bytes of the products of one site for both models: 12 bytes a product, see MomentsStage. */
  private static final long BYTES_PER_PRODUCT = 24;

  @TempDir static Path folder;

  private static final Map<String, Ended> RUNS = new HashMap<>();
  private static TestJob job;
  private static Path images;

  @BeforeAll
  static void copyImages() {
    job = new TestJob(folder);
    images = job.images("images", IMAGES);
  }

  private static String keys(String preset) {
    return """
    noisyquant {
      preset = %s
      quantization { weightBits = 4, activationBits = 4, head = true }
      quantization."include" = ["blocks.0.*", "head"]
      search.tokenFraction = 0.3
      images.heldOutFraction = 0.25
      evaluation.bootstrapReplicates = 20
    }
    """
        .formatted(preset);
  }

  private static Ended calibrate(String output, String keys, String... flags) {
    Ended ended = job.calibrate(output, keys, VIT, images, flags);
    assertThat(ended.exitCode()).as(ended.err()).isZero();
    return ended;
  }

  /** The calibration of a preset in one partition, made once. */
  private static Ended of(String preset) {
    return RUNS.computeIfAbsent(preset, name -> calibrate(name, keys(name), "--partitions", "1"));
  }

  private static void assertSame(Ended actual, Ended expected) {
    assertThat(actual.reproducible()).isEqualTo(expected.reproducible());
    assertThat(actual.bytes("model.onnx")).isEqualTo(expected.bytes("model.onnx"));
    assertThat(actual.bytes("baseline.onnx")).isEqualTo(expected.bytes("baseline.onnx"));
  }

  @ParameterizedTest
  @CsvSource({"balanced, 2", "balanced, 7", "best, 2", "best, 7"})
  void theNumberOfPartitionsChangesNoByte(String preset, int partitions) {
    Ended parted = calibrate(preset + partitions, keys(preset), "--partitions", "" + partitions);
    assertSame(parted, of(preset));
  }

  @Test
  void littleMemoryTakesMorePassesAndChangesNoByte() {
    long bytes =
        of("best").calibration().sites().stream()
            .mapToLong(site -> BYTES_PER_PRODUCT * site.channels() * site.channels())
            .sum();
    assertThat(bytes).isGreaterThan(1L << 20);
    Ended small = calibrate("small", keys("best") + "noisyquant.weights.memoryMiB = 1");
    assertSame(small, of("best"));
  }

  @Test
  void statisticsInManyPassesChangeNoByte() {
    Ended small =
        calibrate("small-statistics", keys("best") + "noisyquant.statistics.memoryMiB = 1");
    assertSame(small, of("best"));
    for (String table : List.of("statistics/sites.parquet", "statistics/images.parquet")) {
      assertThat(rows(small, table)).as(table).isNotEmpty().isEqualTo(rows(of("best"), table));
    }
  }

  /** The rows of a table in the order of their first column, as JSON. */
  private static List<String> rows(Ended ended, String table) {
    Dataset<Row> rows = parquet(ended, table);
    return rows.sort(rows.columns()[0]).toJSON().collectAsList();
  }

  @ParameterizedTest
  @ValueSource(strings = {"balanced", "best"})
  void noiseIsChosenOnlyWhereItHelpsOnBothParts(String preset) {
    List<SiteResult> sites = of(preset).calibration().sites();
    assertThat(sites).hasSize(SITES).anyMatch(site -> site.chosen().noise() == NoiseKind.OPTIMIZED);
    for (SiteResult site : sites) {
      if (site.chosen().noise() == NoiseKind.NONE) {
        assertThat(site.noise()).isEmpty();
        assertThat(site.chosen()).isEqualTo(site.baseline());
      } else {
        assertThat(site.noise()).hasSize(site.channels());
        assertThat(site.noiseDropped()).isFalse();
        assertThat(site.chosen().loss()).isLessThan(site.baseline().loss());
        assertThat(site.chosen().heldOutLoss()).isLessThan(site.baseline().heldOutLoss());
      }
    }
  }

  @Test
  void theBestOfTheShortListIsChosen() {
    Dataset<Row> candidates = parquet(of("balanced"), "candidates.parquet").cache();
    assertThat(candidates.where("predicted is null or loss <= 0").count()).isZero();
    for (SiteResult site : of("balanced").calibration().sites()) {
      List<Row> own =
          candidates
              .where("search <> 'MIN_MAX' and site = " + site.site())
              .orderBy("loss")
              .collectAsList();
      Row best = own.get(0);
      Row plain = own.stream().filter(row -> row.getAs("search").equals("NONE")).toList().get(0);
      assertThat(site.baseline().loss()).isEqualTo(plain.<Double>getAs("loss"));
      if (!site.noiseDropped()) {
        assertThat(site.chosen().loss()).isEqualTo(best.<Double>getAs("loss"));
        assertThat(site.chosen().predicted()).isEqualTo(best.<Double>getAs("predicted"));
        assertThat(site.chosen().noise().name()).isEqualTo(best.<String>getAs("search"));
      }
    }
    candidates.unpersist();
  }

  /** At 8 bits a random draw hardly changes the error: what helps one image harms another. */
  @Test
  void noiseThatDoesNotHelpOnTheHeldOutPartIsDroppedAndReported() {
    String more =
        "noisyquant { noise.kind = uniform, quantization { weightBits = 8, activationBits = 8 } }";
    Ended ended = calibrate("dropped", keys("balanced") + more);
    List<SiteResult> dropped =
        ended.calibration().sites().stream().filter(SiteResult::noiseDropped).toList();
    assertThat(dropped).isNotEmpty().hasSizeLessThan(SITES);
    Dataset<Row> candidates = parquet(ended, "candidates.parquet");
    for (SiteResult site : dropped) {
      assertThat(site.chosen()).isEqualTo(site.baseline());
      assertThat(site.noise()).isEmpty();
      Row best =
          candidates.where("search <> 'MIN_MAX' and site = " + site.site()).orderBy("loss").first();
      assertThat(best.<String>getAs("search")).isEqualTo("UNIFORM");
      assertThat(best.<Double>getAs("loss")).isLessThan(site.baseline().loss());
      assertThat(best.<Double>getAs("heldOutLoss"))
          .isGreaterThanOrEqualTo(site.baseline().heldOutLoss());
    }
    assertThat(parquet(ended, "layers.parquet").where("noiseDropped").count())
        .isEqualTo(dropped.size());
  }

  private static Dataset<Row> parquet(Ended ended, String file) {
    return LocalSpark.session().read().parquet(ended.output().resolve(file).toString());
  }

  @Test
  void tokensThatAreGivenAsPrefixTokensAreWeighted() {
    String one = "noisyquant.model.prefixTokens = 1";
    String none = "noisyquant.model.prefixTokens = 0";
    Ended traced = of("best");
    Ended given = calibrate("given", keys("best") + one);
    Ended without = calibrate("without", keys("best") + none);
    assertThat(given.calibration().sites())
        .usingRecursiveComparison()
        .isEqualTo(traced.calibration().sites());
    assertThat(without.calibration().sites()).extracting(SiteResult::prefixTokens).containsOnly(0);
    for (int i = 0; i < 4; i++) {
      assertThat(without.calibration().sites().get(i).minMax().loss())
          .isNotEqualTo(traced.calibration().sites().get(i).minMax().loss());
    }
  }
}
