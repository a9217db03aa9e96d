package org.noisyquant.spark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SaveMode;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.functions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.noisyquant.error.ErrorCode;
import org.noisyquant.error.NoisyQuantException;
import org.noisyquant.spark.TestJob.Ended;
import org.noisyquant.spark.stage.ImageFile;
import org.noisyquant.spark.stage.ImageSource;
import org.noisyquant.spark.stage.Labels;
import org.noisyquant.spark.testing.LocalSpark;

/** Images packed into a table are the same images. */
class ImageTableIT {
  private static final int IMAGES = 8;
  private static final SparkSession SPARK = LocalSpark.session();

  @TempDir static Path folder;

  private static TestJob job;
  private static Path images;
  private static Path table;

  @BeforeAll
  static void pack() {
    job = new TestJob(folder);
    images = job.images("images", IMAGES);
    StringBuilder labels = new StringBuilder("file,label\n");
    List<String> names = ImageSource.list(SPARK, images.toString()).names();
    for (int i = 0; i < names.size(); i++) {
      labels.append(names.get(i)).append(',').append(i).append('\n');
    }
    TestJob.write(images.resolve("labels.csv"), labels.toString());
    Ended ended = run("packed", "pack", "--images", images.toString());
    assertThat(ended.exitCode()).as(ended.err()).isZero();
    assertThat(ended.out()).contains("8 images packed, with labels", "images.parquet");
    assertThat(ended.metrics().get("images.packed").asLong()).isEqualTo(IMAGES);
    table = ended.output().resolve("images.parquet");
  }

  private static Ended run(String output, String... line) {
    List<String> args = new ArrayList<>(List.of(line));
    args.addAll(List.of("--output", folder.resolve(output).toString()));
    return job.run(output, args);
  }

  @Test
  void namesContentsAndLabelsAreThoseOfTheFolder() {
    ImageSource packed = ImageSource.list(SPARK, table.toString());
    ImageSource files = ImageSource.list(SPARK, images.toString());

    assertThat(packed.names()).isEqualTo(files.names());
    assertThat(digests(packed, 3)).isEqualTo(digests(files, 2));
    Labels labels = packed.labels(Optional.empty()).orElseThrow();
    for (int i = 0; i < IMAGES; i++) {
      assertThat(labels.label(packed.names().get(i))).hasValue(i);
    }
  }

  @Test
  void aSampleIsThatOfTheFolder() {
    ImageSource packed = ImageSource.list(SPARK, table.toString()).sample(3, 11);
    ImageSource files = ImageSource.list(SPARK, images.toString()).sample(3, 11);

    assertThat(packed.names()).hasSize(3).isEqualTo(files.names());
    assertThat(digests(packed, 2)).isEqualTo(digests(files, 2));
  }

  @Test
  void aCalibrationOnTheTableGivesTheBytesOfOneOnTheFolder() {
    Ended onFiles = job.calibrate("on-files", "fashion_vit.onnx", images);
    Ended onTable = job.calibrate("on-table", "fashion_vit.onnx", table);

    assertThat(onTable.exitCode()).as(onTable.err()).isZero();
    assertThat(onTable.bytes("model.onnx")).isEqualTo(onFiles.bytes("model.onnx"));
    assertThat(onTable.reproducible()).isEqualTo(onFiles.reproducible());
    assertThat(onTable.metrics().get("fp32.top1")).isEqualTo(onFiles.metrics().get("fp32.top1"));
  }

  @Test
  void packingTakesASampleAndAsManyFilesAsAskedFor() throws IOException {
    Ended ended =
        run(
            "sampled",
            "pack",
            "--images",
            images.toString(),
            "--calibration-count",
            "6",
            "--partitions",
            "3");

    assertThat(ended.exitCode()).as(ended.err()).isZero();
    Path packed = ended.output().resolve("images.parquet");
    assertThat(ImageSource.list(SPARK, packed.toString()).names())
        .isEqualTo(ImageSource.list(SPARK, images.toString()).sample(6, 0).names());
    try (Stream<Path> files = Files.list(packed)) {
      assertThat(files.filter(file -> file.toString().endsWith(".parquet"))).hasSize(3);
    }
  }

  @Test
  void aTableOfAnotherNameIsRecognisedByItsFiles() {
    Path other = folder.resolve("warehouse");
    SPARK.read().parquet(table.toString()).write().parquet(other.toString());

    assertThat(ImageSource.list(SPARK, other.toString()).names()).hasSize(IMAGES);
  }

  @Test
  void furtherColumnsAreIgnoredAndAnImageWithoutContentIsUnreadable() {
    Path other = folder.resolve("more.parquet");
    SPARK
        .read()
        .parquet(table.toString())
        .withColumn("camera", functions.lit("front"))
        .withColumn(
            "content",
            functions
                .when(functions.col("label").equalTo(2), null)
                .otherwise(functions.col("content")))
        .write()
        .parquet(other.toString());

    ImageSource packed = ImageSource.list(SPARK, other.toString());

    assertThat(packed.read(1).collectAsList().stream().map(ImageFile::of).map(ImageFile::error))
        .containsOnlyOnce("its content is null")
        .hasSize(IMAGES);
  }

  @Test
  void aTableWithoutTheColumnsIsRefused() {
    Dataset<Row> rows = SPARK.read().parquet(table.toString());

    assertRefused(rows.drop("content"), ErrorCode.IMAGE_TABLE_INVALID, "content:binary is needed");
    assertRefused(
        rows.withColumn("path", functions.lit(3)),
        ErrorCode.IMAGE_TABLE_INVALID,
        "path:string is needed");
    assertRefused(rows.unionByName(rows), ErrorCode.IMAGE_TABLE_INVALID, "more than once");
    assertRefused(
        rows.withColumn("path", functions.lit(null).cast("string")),
        ErrorCode.IMAGE_TABLE_INVALID,
        "a row without a path");
    assertRefused(rows.limit(0), ErrorCode.NO_IMAGES, "no row");
  }

  @Test
  void labelsThatAreNoClassIndicesAreRefused() {
    Dataset<Row> rows = SPARK.read().parquet(table.toString());
    for (Map.Entry<String, String> bad :
        new TreeMap<>(
                Map.of(
                    "is double", "cast(label as double)",
                    "'-1'", "label - 1",
                    "'Bag'", "'Bag'"))
            .entrySet()) {
      String path = write(rows.withColumn("label", functions.expr(bad.getValue())));

      assertThatExceptionOfType(NoisyQuantException.class)
          .isThrownBy(() -> ImageSource.list(SPARK, path).labels(Optional.empty()))
          .withMessageContaining(bad.getKey())
          .satisfies(e -> assertThat(e.code()).isEqualTo(ErrorCode.LABELS_INVALID));
    }
  }

  private static void assertRefused(Dataset<Row> rows, ErrorCode code, String words) {
    String path = write(rows);
    assertThatExceptionOfType(NoisyQuantException.class)
        .isThrownBy(() -> ImageSource.list(SPARK, path))
        .withMessageContaining(path)
        .withMessageContaining(words)
        .satisfies(e -> assertThat(e.code()).isEqualTo(code));
  }

  private static String write(Dataset<Row> rows) {
    String path = folder.resolve("bad.parquet").toString();
    rows.write().mode(SaveMode.Overwrite).parquet(path);
    return path;
  }

  private static List<String> digests(ImageSource images, int partitions) {
    return images.read(partitions).collectAsList().stream()
        .map(ImageFile::of)
        .map(file -> file.name() + " " + file.digest() + " " + Arrays.hashCode(file.content()))
        .sorted()
        .toList();
  }
}
