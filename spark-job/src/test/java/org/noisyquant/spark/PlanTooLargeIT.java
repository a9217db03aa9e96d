package org.noisyquant.spark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.noisyquant.error.ErrorCode;
import org.noisyquant.error.NoisyQuantException;
import org.noisyquant.spark.ml.NoisyQuant;
import org.noisyquant.spark.stage.ImageSource;
import org.noisyquant.spark.testing.LocalSpark;
import org.noisyquant.testing.TestData;

/** So many tasks at a time that their statistics would not fit any heap of a test. */
class PlanTooLargeIT {
  private static final String MASTER = "local[4000]";
  private static final String REFUSED = "MiB of heap for 4000 tasks at a time";

  @TempDir Path folder;

  @BeforeEach
  void noSharedSessionRuns() {
    LocalSpark.stop();
  }

  @Test
  void fitRefusesItBeforeItRunsAnything() throws IOException {
    try (SparkSession spark =
        SparkSession.builder()
            .master(MASTER)
            .config("spark.ui.enabled", false)
            .config("spark.driver.host", "127.0.0.1")
            .getOrCreate()) {
      Dataset<Row> images =
          ImageSource.list(spark, TestData.fashion("calibration").toString()).read(1);
      NoisyQuant estimator =
          new NoisyQuant()
              .setModelPath(TestData.fashion("fashion_vit.onnx").toString())
              .setPreprocessingPath(TestData.fashion("preprocessor_config_vit.json").toString());

      assertThatThrownBy(() -> estimator.fit(images))
          .isInstanceOfSatisfying(
              NoisyQuantException.class,
              e -> assertThat(e.code()).isEqualTo(ErrorCode.PLAN_TOO_LARGE))
          .hasMessageContaining(REFUSED);
      assertThat(spark.sparkContext().statusTracker().getJobIdsForGroup(null)).isEmpty();
    } finally {
      LocalSpark.stop();
    }
  }

  @Test
  void calibrateRefusesItWithTheSameWords() {
    StringWriter err = new StringWriter();
    List<String> arguments =
        new ArrayList<>(
            List.of(
                "calibrate",
                "--master",
                MASTER,
                "--images",
                TestData.fashion("calibration").toString(),
                "--output",
                folder.resolve("output").toString()));
    arguments.addAll(TestJob.fashion("fashion_vit.onnx"));
    int exitCode =
        new NoisyQuantJob(
                NoisyQuantJob.commands(), new PrintWriter(new StringWriter()), new PrintWriter(err))
            .run(arguments.toArray(new String[0]));

    assertThat(exitCode).as(err.toString()).isEqualTo(ErrorCode.PLAN_TOO_LARGE.exitCode());
    assertThat(err.toString()).contains("PLAN_TOO_LARGE").contains(REFUSED);
  }
}
