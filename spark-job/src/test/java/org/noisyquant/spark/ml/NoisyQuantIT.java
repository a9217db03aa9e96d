package org.noisyquant.spark.ml;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.lit;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.apache.spark.ml.Pipeline;
import org.apache.spark.ml.PipelineModel;
import org.apache.spark.ml.PipelineStage;
import org.apache.spark.ml.evaluation.MulticlassClassificationEvaluator;
import org.apache.spark.ml.param.Param;
import org.apache.spark.ml.param.ParamMap;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.types.DataTypes;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.noisyquant.error.NoisyQuantException;
import org.noisyquant.spark.testing.LocalSpark;
import org.noisyquant.testing.TestData;

/** The MLlib API on images that come from Spark's own binaryFile source. */
class NoisyQuantIT {
  @TempDir static Path folder;

  private static Dataset<Row> images;
  private static Dataset<Row> labelled;
  private static NoisyQuantModel model;

  @BeforeAll
  static void fit() {
    Path evaluation = TestData.fashion("evaluation/labels.csv").getParent();
    images =
        LocalSpark.session()
            .read()
            .format("binaryFile")
            .option("pathGlobFilter", "*.png")
            .load(evaluation.toString())
            .selectExpr("path", "element_at(split(path, '/'), -1) as file", "content");
    Dataset<Row> labels =
        LocalSpark.session()
            .read()
            .option("header", "true")
            .csv(evaluation.resolve("labels.csv").toString());
    labelled =
        images.join(labels, "file").withColumn("label", col("label").cast(DataTypes.DoubleType));
    model = estimator().fit(images);
    model.summary().orElseThrow().release().run();
  }

  private static NoisyQuant estimator() {
    return new NoisyQuant("nq")
        .setModelPath(TestData.fashion("fashion_vit.onnx").toString())
        .setPreprocessingPath(TestData.fashion("preprocessor_config_vit.json").toString())
        .setNameCol("file")
        .setWeightBits(6)
        .setActivationBits(6)
        .setInclude(List.of("blocks.0.*"))
        .setCandidates(4, 4, 4)
        .setTokenFraction(0.5)
        .setSeed(3);
  }

  @Test
  void transformAddsTheClassesThatAnEvaluatorScores() {
    Dataset<Row> predictions = model.transform(labelled).cache();
    MulticlassClassificationEvaluator accuracy =
        new MulticlassClassificationEvaluator().setMetricName("accuracy");

    assertThat(predictions.columns()).endsWith("prediction", "fp32Prediction");
    double fp32 = accuracy.setPredictionCol("fp32Prediction").evaluate(predictions);
    double quantized = accuracy.setPredictionCol("prediction").evaluate(predictions);
    long agreed = predictions.filter("prediction = fp32Prediction").count();
    // 88 % on the whole test set; 32 images have a standard error of 6 %.
    assertThat(fp32).isBetween(0.7, 1.0);
    // One block at 6 bits flips few classes.
    assertThat(agreed).isGreaterThanOrEqualTo(30);
    assertThat(quantized).isBetween(fp32 - 2.0 / 32, fp32 + 2.0 / 32);
    predictions.unpersist();
  }

  @Test
  void anImageThatCannotBeReadHasNoClass() {
    Dataset<Row> bad =
        images
            .limit(1)
            .withColumn("content", lit(new byte[] {1, 2, 3}))
            .unionByName(images.limit(1).withColumn("content", lit(null).cast("binary")));

    for (Row row : model.transform(bad).select("prediction", "fp32Prediction").collectAsList()) {
      assertThat(row.isNullAt(0)).isTrue();
      assertThat(row.isNullAt(1)).isTrue();
    }
  }

  @Test
  void aSavedModelComesBackWithItsFilesAndParams() throws IOException {
    String path = folder.resolve("model").toString();
    model.write().overwrite().save(path);

    NoisyQuantModel loaded = NoisyQuantModel.load(path);

    assertThat(loaded.uid()).isEqualTo(model.uid());
    assertThat(loaded.content().quantized()).isEqualTo(model.content().quantized());
    assertThat(loaded.content().baseline()).isEqualTo(model.content().baseline());
    assertThat(loaded.content().fp32()).isEqualTo(model.content().fp32());
    assertThat(loaded.content().preprocessing()).isEqualTo(model.content().preprocessing());
    assertThat(loaded.content().result().toJson()).isEqualTo(model.content().result().toJson());
    assertThat(loaded.extractParamMap().toString()).isEqualTo(model.extractParamMap().toString());
    assertThat(loaded.summary()).isEmpty();
    assertThat(loaded.transform(images).select("file", "prediction").collectAsList())
        .containsExactlyInAnyOrderElementsOf(
            model.transform(images).select("file", "prediction").collectAsList());
  }

  @Test
  void aSavedEstimatorComesBackWithItsParams() throws IOException {
    String path = folder.resolve("estimator").toString();
    estimator().write().overwrite().save(path);

    NoisyQuant loaded = NoisyQuant.load(path);

    NoisyQuant saved = estimator();
    for (Param<?> param : saved.params()) {
      assertThat(loaded.isSet(loaded.getParam(param.name())))
          .as(param.name())
          .isEqualTo(saved.isSet(param));
    }
    assertThat(loaded.getOrDefault(loaded.modelPath()))
        .isEqualTo(saved.getOrDefault(saved.modelPath()));
    assertThat(loaded.getOrDefault(loaded.include())).isEqualTo(new String[] {"blocks.0.*"});
    assertThat(loaded.getOrDefault(loaded.seed())).isEqualTo(3L);
  }

  @Test
  void itIsAStageOfAPipeline() {
    NoisyQuant stage = estimator().setPredictionCol("quantizedClass");
    PipelineModel fitted = new Pipeline().setStages(new PipelineStage[] {stage}).fit(images);

    assertThat(fitted.transform(images.limit(2)).columns())
        .endsWith("quantizedClass", "fp32Prediction");
  }

  @Test
  void paramsAreValidatedWhenTheyAreSet() {
    assertThatThrownBy(() -> new NoisyQuant().setWeightBits(9)).hasMessageContaining("weightBits");
    assertThatThrownBy(() -> new NoisyQuant().setTokenFraction(0))
        .hasMessageContaining("tokenFraction");
    assertThatThrownBy(() -> new NoisyQuant().setObjective("weights"))
        .hasMessageContaining("objective");
  }

  @Test
  void aCopyKeepsUidAndParamsAndTakesTheExtraOnes() {
    NoisyQuant estimator = estimator();
    ParamMap extra = new ParamMap().put(estimator.weightBits(), 4);

    NoisyQuant copy = estimator.copy(extra);

    assertThat(copy.uid()).isEqualTo("nq");
    assertThat(copy.getOrDefault(copy.weightBits())).isEqualTo(4);
    assertThat(copy.getOrDefault(copy.seed())).isEqualTo(3L);
    assertThat(estimator.getOrDefault(estimator.weightBits())).isEqualTo(6);
  }

  @Test
  void columnsThatAreMissingOrTakenAreNamed() {
    assertThatThrownBy(() -> estimator().setNameCol("nothing").fit(images))
        .isInstanceOf(NoisyQuantException.class)
        .hasMessageContaining("nothing");
    assertThatThrownBy(() -> model.transform(images.withColumn("prediction", lit(1.0))))
        .isInstanceOf(NoisyQuantException.class)
        .hasMessageContaining("prediction");
  }
}
