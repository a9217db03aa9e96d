package org.noisyquant.spark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.apache.spark.sql.Row;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.noisyquant.result.SiteResult;
import org.noisyquant.search.NoiseKind;
import org.noisyquant.spark.TestJob.Ended;
import org.noisyquant.spark.testing.LocalSpark;

/** Statistics of earlier calibrations: merged, added to, and solved again without images. */
class StatisticsIT {
  private static final String MODEL = "fashion_vit.onnx";
  private static final int FIRST = 12;
  private static final int ALL = 24;

  /** The default search of one block, at 4 bits, with few resamples. */
  private static final String GUIDED =
      """
      noisyquant {
        quantization { weightBits = 4, activationBits = 4, "include" = ["blocks.0.*"] }
        evaluation.bootstrapReplicates = 20
      }
      """;

  @TempDir static Path folder;

  private static TestJob job;
  private static Path firstImages;
  private static Path secondImages;
  private static Ended first;
  private static Ended second;
  private static Ended both;

  @BeforeAll
  static void calibrate() {
    job = new TestJob(folder);
    firstImages = images("first-images", 0, FIRST);
    secondImages = images("second-images", FIRST, ALL);
    first = ok(job.calibrate("first", GUIDED, MODEL, firstImages));
    second = ok(job.calibrate("second", GUIDED, MODEL, secondImages));
    both = ok(job.calibrate("both", GUIDED, MODEL, images("all-images", 0, ALL)));
  }

  private static Path images(String name, int from, int to) {
    Path target = folder.resolve(name);
    try {
      Files.createDirectories(target);
      for (Path image : TestJob.fashionImages().subList(from, to)) {
        Files.copy(image, target.resolve(image.getFileName()));
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return target;
  }

  private static Ended ok(Ended ended) {
    assertThat(ended.exitCode()).as(ended.err()).isZero();
    return ended;
  }

  private static Ended merge(String output, Path... statistics) {
    List<String> args = new ArrayList<>(List.of("merge"));
    Stream.of(statistics).forEach(path -> args.addAll(List.of("--statistics", path.toString())));
    args.addAll(List.of("--output", folder.resolve(output).toString()));
    return job.run(output, args);
  }

  /** Without images. */
  private static Ended solve(String output, Path statistics, String... flags) {
    return solve(output, GUIDED, statistics, flags);
  }

  private static Ended solve(String output, String keys, Path statistics, String... flags) {
    Path config = folder.resolve(output + ".conf");
    TestJob.write(config, keys);
    List<String> args = new ArrayList<>(List.of("calibrate", "--config", config.toString()));
    args.addAll(List.of("--from-statistics", statistics.toString()));
    args.addAll(List.of("--output", folder.resolve(output).toString()));
    args.addAll(TestJob.fashion(MODEL));
    args.addAll(List.of(flags));
    return job.run(output, args);
  }

  private static Path statistics(Ended ended) {
    return ended.output().resolve("statistics");
  }

  private static Map<Integer, byte[]> sites(Ended ended) {
    Map<Integer, byte[]> sites = new TreeMap<>();
    for (Row row : rows(ended, "sites.parquet")) {
      sites.put(row.getAs("site"), row.getAs("statistics"));
    }
    return sites;
  }

  private static List<Row> rows(Ended ended, String table) {
    return LocalSpark.session()
        .read()
        .parquet(statistics(ended).resolve(table).toString())
        .collectAsList();
  }

  private static void assertSameStatistics(Ended actual, Ended expected) {
    assertThat(sites(actual)).usingRecursiveComparison().isEqualTo(sites(expected));
    assertThat(rows(actual, "images.parquet"))
        .containsExactlyInAnyOrderElementsOf(rows(expected, "images.parquet"));
    assertThat(statistics(actual).resolve("manifest.json"))
        .hasSameBinaryContentAs(statistics(expected).resolve("manifest.json"));
  }

  @Test
  void mergedStatisticsAreThoseOfAllImagesInEitherOrder() {
    Ended merged = ok(merge("merged", statistics(second), statistics(first)));
    assertSameStatistics(merged, both);
    assertThat(merged.metrics().get("images.merged").asInt()).isEqualTo(ALL);
    assertThat(merged.out()).contains("--from-statistics").contains("merged/statistics");
    assertThat(merged.output().resolve("_SUCCESS")).exists();
  }

  @Test
  void newImagesAreAddedToEarlierStatistics() {
    Ended added =
        ok(
            job.calibrate(
                "added", GUIDED, MODEL, secondImages, "--from-statistics", first.output() + ""));
    assertSameStatistics(added, both);
    JsonNode metrics = added.metrics();
    assertThat(metrics.get("images.earlier").asInt()).isEqualTo(FIRST);
    assertThat(metrics.get("images.used").asInt() + metrics.get("images.heldOut").asInt())
        .isEqualTo(ALL);
    assertThat(metrics.get("drift.range").asDouble()).isBetween(1e-3, 1.0);
    assertThat(added.calibration().sites())
        .extracting(SiteResult::name)
        .contains(metrics.get("drift.site").asText());
    assertThat(added.calibration().provenance().imagesSha256())
        .isEqualTo(both.calibration().provenance().imagesSha256());
  }

  @Test
  void withoutImagesTheSameCandidatesAreJudgedByWhatStatisticsPredict() {
    Ended solved = ok(solve("solved", statistics(both)));
    assertSameStatistics(solved, both);
    assertThat(solved.out()).contains("no images are given").contains("statistics alone");
    assertThat(solved.metrics().get("images.earlier").asInt()).isEqualTo(ALL);
    List<SiteResult> sites = solved.calibration().sites();
    List<SiteResult> onImages = both.calibration().sites();
    assertThat(sites).hasSameSizeAs(onImages);
    for (int i = 0; i < sites.size(); i++) {
      SiteResult.Choice chosen = sites.get(i).chosen();
      assertThat(chosen.loss()).isEqualTo(chosen.predicted());
      assertThat(chosen.heldOutLoss()).isPositive();
      // Of nine tenths of the tokens the images saw nothing: what they tell differs by chance.
      assertThat(chosen.loss() / onImages.get(i).chosen().loss())
          .as(sites.get(i).name())
          .isEqualTo(1, within(0.5));
    }
    assertThat(sites).extracting(site -> site.chosen().noise()).contains(NoiseKind.OPTIMIZED);
  }

  @Tag("full")
  @Test
  void otherBitsNeedNoImagesButForTheEvaluation() {
    Ended solved =
        ok(
            solve(
                "eight-bits",
                statistics(first),
                "--activation-bits",
                "8",
                "--weight-bits",
                "8",
                "--evaluation-images",
                secondImages.toString()));
    assertThat(solved.metrics().get("noisyquant.kl").asDouble())
        .isLessThan(second.metrics().get("noisyquant.kl").asDouble());
    assertThat(solved.metrics().get("evaluation.images").asInt()).isEqualTo(ALL - FIRST);
    assertThat(solved.metrics().get("images.overlap").asInt()).isZero();
  }

  @Tag("full")
  @Test
  void theSameStatisticsGiveTheSameBytes() {
    Ended once = ok(solve("once", statistics(first)));
    Ended twice = ok(solve("twice", first.output()));
    assertThat(twice.bytes("model.onnx")).isEqualTo(once.bytes("model.onnx"));
    assertThat(twice.reproducible()).isEqualTo(once.reproducible());
    // Of fewer sites they are kept, and can be used again.
    Ended fewer = ok(solve("fewer", statistics(once), "--include", "blocks.0.attn.*"));
    assertThat(sites(fewer)).hasSize(2);
    ok(solve("again", statistics(fewer), "--include", "blocks.0.attn.proj"));
  }

  @Test
  void resultsAreReplacedByThoseOnTheirOwnStatistics() {
    Ended before = ok(job.calibrate("daily", GUIDED, MODEL, firstImages));
    String[] today = {"--from-statistics", before.output() + "", "--overwrite"};
    Ended after = ok(job.calibrate("daily", GUIDED, MODEL, secondImages, today));
    assertSameStatistics(after, both);
    Ended again = job.calibrate("daily", GUIDED, MODEL, secondImages, today);
    assertThat(again.exitCode()).isEqualTo(3);
    assertThat(again.err())
        .contains("STATISTICS_INVALID")
        .contains(ALL - FIRST + " of " + (ALL - FIRST) + " images are in the earlier statistics");
    assertSameStatistics(after, both);
  }

  @Test
  void anImageIsNotMergedTwice() {
    Ended merged = merge("twice-merged", statistics(first), statistics(both));
    assertThat(merged.exitCode()).isEqualTo(3);
    assertThat(merged.err())
        .contains("STATISTICS_INVALID")
        .contains(FIRST + " images are in more than one")
        .contains(TestJob.fashionImages().get(0).getFileName().toString());
    assertThat(merged.output().resolve("statistics")).doesNotExist();
  }

  @Test
  void statisticsOfSomethingElseAreRefusedWithWhatDiffers() {
    assertRefused("another-model", "modelSha256", "\"0123\"", "model with SHA-256 0123");
    assertRefused("other-pixels", "preprocessing", "{\"do_resize\": false}", "preprocessed by");
    assertRefused("another-layout", "layoutVersion", "7", "layout 7");
  }

  private static void assertRefused(String name, String field, String json, String words) {
    Path changed = copyOfFirst(name);
    try {
      Path file = changed.resolve("manifest.json");
      ObjectNode manifest = (ObjectNode) TestJob.json(file);
      manifest.set(field, new ObjectMapper().readTree(json));
      TestJob.write(file, manifest.toString());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    Ended solved = solve(name + "-out", changed);
    assertThat(solved.exitCode()).as(solved.err()).isEqualTo(3);
    assertThat(solved.err()).contains("STATISTICS_INVALID").contains(words).contains(name);
    Ended merged = merge(name + "-merged", statistics(second), changed);
    assertThat(merged.exitCode()).as(merged.err()).isEqualTo(3);
    assertThat(merged.err()).contains("STATISTICS_INVALID").contains(name);
  }

  private static Path copyOfFirst(String name) {
    Path target = folder.resolve(name);
    try (Stream<Path> files = Files.walk(statistics(first))) {
      for (Path file : files.toList()) {
        Files.copy(file, target.resolve(statistics(first).relativize(file).toString()));
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return target;
  }

  @Tag("full")
  @Test
  void anotherChoiceOfTheHeldOutPartIsRefusedWhereImagesAreAdded() {
    String[] flags = {"--from-statistics", first.output() + "", "--seed", "5"};
    Ended added = job.calibrate("other-seed", GUIDED, MODEL, secondImages, flags);
    assertThat(added.exitCode()).isEqualTo(3);
    assertThat(added.err()).contains("STATISTICS_INVALID").contains("job.seed was 0, not 5");
    // Alone they are what they are; the seed is that of the noise.
    ok(solve("other-noise", statistics(first), "--seed", "5"));
  }

  @Test
  void damagedStatisticsAreRefused() throws IOException {
    Path damaged = copyOfFirst("damaged");
    try (Stream<Path> files = Files.walk(damaged.resolve("sites.parquet"))) {
      for (Path file : files.filter(f -> f.toString().endsWith(".parquet")).toList()) {
        if (Files.isRegularFile(file)) {
          Files.write(file, new byte[100]);
        }
      }
    }
    Ended solved = solve("damaged-out", damaged);
    assertThat(solved.exitCode()).as(solved.err()).isEqualTo(3);
    assertThat(solved.err()).contains("STATISTICS_INVALID").contains("sites.parquet");
    Ended nowhere = solve("nowhere-out", folder.resolve("nowhere"));
    assertThat(nowhere.exitCode()).isEqualTo(3);
    assertThat(nowhere.err()).contains("STATISTICS_INVALID").contains("--from-statistics");
  }

  @Test
  void whatNeedsImagesIsRefusedWithoutThem() {
    for (String preset : List.of("paper", "best")) {
      Ended solved = solve(preset + "-out", statistics(first), "--preset", preset);
      assertThat(solved.exitCode()).isEqualTo(2);
      assertThat(solved.err()).contains("INVALID_VALUE").contains("--images");
    }
    Ended bare =
        job.run(
            "bare",
            List.of("calibrate", "--model", "m", "--output", folder.resolve("bare").toString()));
    assertThat(bare.err()).contains("MISSING_VALUE").contains("images.path");
  }

  @Tag("full")
  @Test
  void bestAddsNewImagesToEarlierStatistics() {
    String[] flags = {"--from-statistics", first.output() + "", "--preset", "best"};
    Ended best = ok(job.calibrate("best", GUIDED, MODEL, secondImages, flags));
    assertSameStatistics(best, both);
  }

  @Test
  void rangesThatDriftFailTheirGate() {
    String strict = GUIDED + "noisyquant.gates.maxRangeDrift = 1e-6\n";
    String reference = "noisyquant.statistics.reference = \"" + first.output() + "\"\n";
    Ended drifted = job.calibrate("drifted", strict + reference, MODEL, secondImages);
    assertThat(drifted.exitCode()).isEqualTo(4);
    assertThat(drifted.err()).contains("GATE_FAILED").contains("drift.range");
    assertSameStatistics(drifted, second);
    String loose = GUIDED + "noisyquant.gates.maxRangeDrift = 3\n" + reference;
    ok(job.calibrate("steady", loose, MODEL, secondImages));
    Ended alone = job.calibrate("incomparable", strict, MODEL, secondImages);
    assertThat(alone.exitCode()).isEqualTo(2);
    assertThat(alone.err()).contains("MISSING_VALUE").contains("statistics.reference");
  }

  @Test
  void gatesOnAnEvaluationNeedImages() {
    Ended gated = solve("gated", GUIDED + "noisyquant.gates.maxKl = 1", statistics(first));
    assertThat(gated.exitCode()).isEqualTo(2);
    assertThat(gated.err()).contains("MISSING_VALUE").contains("--evaluation-images");
  }

  @Test
  void aDryRunSaysThatTheStatisticsFit() {
    Ended dry = ok(solve("dry", statistics(first), "--dry-run"));
    assertThat(dry.out()).contains("statistics").contains("fit").contains("0 image passes");
    Ended wrong = solve("wrong", statistics(first), "--dry-run", "--preset", "best");
    assertThat(wrong.exitCode()).isEqualTo(2);
  }
}
