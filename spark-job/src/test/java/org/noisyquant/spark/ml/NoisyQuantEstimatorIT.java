package org.noisyquant.spark.ml;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.regexp_extract;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.apache.spark.ml.Pipeline;
import org.apache.spark.ml.PipelineModel;
import org.apache.spark.ml.PipelineStage;
import org.apache.spark.ml.evaluation.MulticlassClassificationEvaluator;
import org.apache.spark.ml.param.ParamMap;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.DataTypes;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.noisyquant.error.ErrorCode;
import org.noisyquant.error.NoisyQuantException;
import org.noisyquant.onnx.OnnxFile;
import org.noisyquant.onnx.OnnxModel;
import org.noisyquant.spark.testing.LocalSpark;
import org.noisyquant.testing.TestData;

/** Estimator and Model as MLlib uses them, on images that come from Spark's own source. */
class NoisyQuantEstimatorIT {
  @TempDir static Path folder;

  private static SparkSession spark;
  private static Dataset<Row> evaluation;
  private static NoisyQuantModel model;

  @BeforeAll
  static void fitInAPipeline() throws IOException {
    spark = LocalSpark.session();
    Path images = Files.createDirectory(folder.resolve("images"));
    try (Stream<Path> files = Files.list(TestData.fashion("calibration"))) {
      for (Path file : files.filter(f -> f.toString().endsWith("png")).sorted().limit(8).toList()) {
        Files.copy(file, images.resolve(file.getFileName()));
      }
    }
    Dataset<Row> labels =
        spark
            .read()
            .option("header", true)
            .csv(TestData.fashion("evaluation/labels.csv").toString())
            .select(col("file"), col("label").cast(DataTypes.DoubleType));
    evaluation =
        binaryFiles(TestData.fashion("evaluation"))
            .withColumn("file", regexp_extract(col("path"), "[^/]*$", 0))
            .join(labels, "file")
            .orderBy("file")
            .cache();
    Pipeline pipeline = new Pipeline().setStages(new PipelineStage[] {estimator()});
    model = (NoisyQuantModel) pipeline.fit(binaryFiles(images)).stages()[0];
  }

  @AfterAll
  static void release() {
    evaluation.unpersist();
    model.summary().orElseThrow().release().run();
  }

  private static Dataset<Row> binaryFiles(Path images) {
    return spark
        .read()
        .format("binaryFile")
        .option("pathGlobFilter", "*.png")
        .load(images.toString());
  }

  private static NoisyQuant estimator() {
    return new NoisyQuant()
        .setModelPath(TestData.fashion("fashion_vit.onnx").toString())
        .setPreprocessingPath(TestData.fashion("preprocessor_config_vit.json").toString())
        .setWeightBits(6)
        .setActivationBits(6)
        .setInclude(List.of("blocks.0.*"))
        .setCandidates(6, 4, 4)
        .setTokenFraction(0.5)
        .setNameCol("path");
  }

  @Test
  void fittingUsesTheImagesOfAnySource() {
    assertThat(model.content().result().sites())
        .extracting(site -> site.name())
        .containsExactly(
            "blocks.0.attn.qkv", "blocks.0.attn.proj", "blocks.0.mlp.fc1", "blocks.0.mlp.fc2");
    assertThat(
            model.content().result().provenance().calibrationImages()
                + model.content().result().provenance().heldOutImages())
        .isEqualTo(8);
    assertThat(model.hasParent()).isTrue();
    assertThat(model.parent().uid()).isEqualTo(model.uid());
  }

  @Test
  void predictionsAreScoredByMllib() {
    Dataset<Row> predicted = model.transform(evaluation);
    assertThat(predicted.columns()).endsWith("prediction", "fp32Prediction");
    List<Row> rows = predicted.select("label", "prediction", "fp32Prediction").collectAsList();
    assertThat(rows).hasSize(32);
    MulticlassClassificationEvaluator accuracy =
        new MulticlassClassificationEvaluator().setMetricName("accuracy");
    assertThat(accuracy.evaluate(predicted)).isCloseTo(share(rows, 1), within(1e-12));
    double fp32 = accuracy.setPredictionCol("fp32Prediction").evaluate(predicted);
    assertThat(fp32).isCloseTo(share(rows, 2), within(1e-12)).isGreaterThan(0.75);
    assertThat(share(rows, 1)).isCloseTo(fp32, within(0.1));
  }

  private static double share(List<Row> rows, int prediction) {
    return rows.stream().filter(row -> row.getDouble(0) == row.getDouble(prediction)).count()
        / (double) rows.size();
  }

  @Test
  void whatIsNoImageHasNoPrediction() {
    Dataset<Row> odd =
        spark
            .range(1)
            .select(lit("nothing").as("path"), lit(null).cast(DataTypes.BinaryType).as("content"))
            .unionAll(
                spark
                    .range(1)
                    .select(lit("text").as("path"), lit("text".getBytes(UTF_8)).as("content")));
    assertThat(model.transform(odd).collectAsList())
        .hasSize(2)
        .allMatch(row -> row.isNullAt(row.fieldIndex("prediction")))
        .allMatch(row -> row.isNullAt(row.fieldIndex("fp32Prediction")));
  }

  @Test
  void aSavedModelPredictsTheSame() throws IOException {
    String path = folder.resolve("model").toString();
    model.write().overwrite().save(path);
    NoisyQuantModel loaded = NoisyQuantModel.load(path);
    assertThat(loaded.uid()).isEqualTo(model.uid());
    assertThat(loaded.extractParamMap().toString()).isEqualTo(model.extractParamMap().toString());
    assertThat(loaded.content().quantized().bytes()).isEqualTo(model.content().quantized().bytes());
    assertThat(loaded.content().baseline().bytes()).isEqualTo(model.content().baseline().bytes());
    assertThat(loaded.content().fp32().bytes()).isEqualTo(model.content().fp32().bytes());
    assertThat(loaded.content().preprocessing()).isEqualTo(model.content().preprocessing());
    assertThat(loaded.content().result().toJson()).isEqualTo(model.content().result().toJson());
    assertThat(loaded.summary()).isEmpty();
    assertThat(predictions(loaded)).isEqualTo(predictions(model));
  }

  @Test
  void aSavedModelKeepsItsDataFiles() throws IOException {
    String path = folder.resolve("large").toString();
    thriceFp32WithDataFiles().write().save(path);

    NoisyQuantModel loaded = NoisyQuantModel.load(path);

    assertThat(folder.resolve("large/data"))
        .isDirectoryContaining("glob:**/fp32.onnx.data")
        .isDirectoryContaining("glob:**/model.onnx.data");
    assertThat(loaded.content().fp32().bytes()).isEqualTo(model.content().fp32().bytes());
  }

  @Test
  void modelsWithDataFilesPredictTheSame() {
    NoisyQuantModel both = thriceFp32WithDataFiles();

    List<Row> expected =
        model.transform(evaluation).select("path", "fp32Prediction").collectAsList();
    assertThat(both.transform(evaluation).select("path", "prediction").collectAsList())
        .hasToString(expected.toString());
  }

  /** The FP32 model in place of the quantized ones too, each with its weights in a data file. */
  private static NoisyQuantModel thriceFp32WithDataFiles() {
    OnnxFile large = OnnxModel.read(TestData.fashion("fashion_vit.onnx"), 100_000).file();
    NoisyQuantModel.Content content = model.content();
    return model.copyValues(
        new NoisyQuantModel(
            "large",
            new NoisyQuantModel.Content(
                large, large, large, content.preprocessing(), content.result()),
            null),
        ParamMap.empty());
  }

  private static List<Row> predictions(NoisyQuantModel model) {
    return model
        .transform(evaluation)
        .select("path", "prediction", "fp32Prediction")
        .collectAsList();
  }

  @Test
  void aSavedEstimatorHasTheSameParameters() throws IOException {
    NoisyQuant before =
        estimator()
            .setPreset("best")
            .setNoiseKind("uniform")
            .setNoiseFold(false)
            .setDamping(0.5)
            .setMomentsTokenFraction(0.75)
            .setMomentsMemory(1L << 40)
            .setSeed(7)
            .setExclude(List.of("a", "b,c"));
    String path = folder.resolve("estimator").toString();
    before.write().overwrite().save(path);
    NoisyQuant after = NoisyQuant.load(path);
    assertThat(after.uid()).isEqualTo(before.uid());
    assertThat(explained(after)).isEqualTo(explained(before));
    assertThat(after.value(after.exclude(), String[].class)).containsExactly("a", "b,c");
    assertThat(after.resultParams())
        .containsEntry("searchMode", "guided")
        .containsEntry("noiseKind", "uniform")
        .containsEntry("prefixWeight", 0.0)
        .containsEntry("weightRounding", "gptq")
        .containsEntry("weightCompensation", true);
    assertThat(after.value(after.momentsMemory(), Long.class)).isEqualTo(1L << 40);
  }

  /** MLlib prints arrays by their identity. */
  private static String explained(NoisyQuant estimator) {
    return estimator.explainParams().replaceAll("\\[Ljava\\.lang\\.String;@\\w+", "texts");
  }

  @Test
  void pipelinesOfItAreSavedAndLoaded() throws IOException {
    String path = folder.resolve("pipeline").toString();
    new Pipeline().setStages(new PipelineStage[] {estimator()}).write().overwrite().save(path);
    PipelineStage stage = Pipeline.load(path).getStages()[0];
    assertThat(stage).isInstanceOf(NoisyQuant.class);
    assertThat(((NoisyQuant) stage).resultParams().get("weightBits")).isEqualTo(6);

    String fitted = folder.resolve("pipeline-model").toString();
    new Pipeline()
        .setStages(new PipelineStage[] {model})
        .fit(evaluation)
        .write()
        .overwrite()
        .save(fitted);
    NoisyQuantModel loaded = (NoisyQuantModel) PipelineModel.load(fitted).stages()[0];
    assertThat(loaded.content().quantized().bytes()).isEqualTo(model.content().quantized().bytes());
  }

  @ParameterizedTest
  @CsvSource({"weightBits, 9", "weightBits, 1", "activationBits, 0", "edgeBits, 16"})
  void bitsBeyondTwoToEightAreRefused(String param, int bits) {
    NoisyQuant estimator = estimator();
    assertThatThrownBy(() -> estimator.set(param, bits))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(param)
        .hasMessageContaining(String.valueOf(bits));
  }

  @ParameterizedTest
  @CsvSource({
    "searchMode, exhaustive",
    "noiseKind, gaussian",
    "weightRounding, floor",
    "prefixWeight, -1",
    "searchImageCount, -1",
    "damping, -0.1",
    "momentsTokenFraction, 1.1",
    "momentsMemory, 0"
  })
  void valuesOfSearchAndWeightsBeyondTheirDomainAreRefused(String param, String value) {
    NoisyQuant estimator = estimator();
    Object typed =
        switch (param) {
          case "searchMode", "noiseKind", "weightRounding" -> value;
          case "momentsMemory" -> Long.valueOf(value);
          case "searchImageCount" -> Integer.valueOf(value);
          default -> Double.valueOf(value);
        };
    assertThatThrownBy(() -> estimator.set(param, typed))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(param)
        .hasMessageContaining(value);
  }

  @Test
  void fractionsAndObjectivesBeyondTheirDomainAreRefused() {
    assertThatThrownBy(() -> estimator().setTokenFraction(0))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> estimator().setHeldOutFraction(1))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> estimator().setObjective("both"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("objective");
  }

  @Test
  void aMissingModelPathIsNamed() {
    NoisyQuant without = new NoisyQuant().setNameCol("path");
    assertThatThrownBy(() -> without.fit(evaluation)).hasMessageContaining("modelPath");
  }

  @Test
  void aMissingColumnIsNamed() {
    assertThatThrownBy(() -> estimator().setNameCol("title").fit(evaluation))
        .isInstanceOfSatisfying(
            NoisyQuantException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.INVALID_VALUE))
        .hasMessageContaining("a column title of type string");
  }

  @Test
  void aCopyHasItsOwnParameters() {
    NoisyQuant original = estimator();
    NoisyQuant copy = original.copy(new ParamMap().put(original.weightBits().w(4)));
    assertThat(copy.uid()).isEqualTo(original.uid());
    assertThat(copy.resultParams().get("weightBits")).isEqualTo(4);
    assertThat(copy.resultParams().get("activationBits")).isEqualTo(6);
    assertThat(original.resultParams().get("weightBits")).isEqualTo(6);
  }

  @Test
  void aCopiedModelWritesItsPredictionsToOtherColumns() {
    NoisyQuantModel copy = model.copy(new ParamMap().put(model.predictionCol().w("quantized")));
    assertThat(copy.transformSchema(evaluation.schema()).fieldNames())
        .endsWith("quantized", "fp32Prediction");
    assertThat(copy.content()).isSameAs(model.content());
    assertThat(copy.parent()).isSameAs(model.parent());
  }

  @Test
  void everyParameterIsExplained() {
    NoisyQuant estimator = estimator();
    assertThat(estimator.params()).hasSize(37);
    String text = estimator.explainParams();
    for (var param : estimator.params()) {
      assertThat(text).contains(param.name() + ": ");
      assertThat(param.doc()).isNotBlank();
    }
    assertThat(text).contains("weightBits: bits of the weights, per output channel, 2 to 8");
  }
}
