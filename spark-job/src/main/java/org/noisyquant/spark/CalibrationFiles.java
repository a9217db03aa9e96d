package org.noisyquant.spark;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.noisyquant.result.SiteResult;
import org.noisyquant.spark.io.OutputFolder;
import org.noisyquant.spark.ml.NoisyQuantModel;
import org.noisyquant.spark.stage.Calibrated;
import org.noisyquant.spark.stage.CalibrationImages;
import org.noisyquant.spark.stage.CandidateScore;
import org.noisyquant.spark.stage.StoredStatistics;

/** The files of a calibration in its output folder. */
final class CalibrationFiles {
  private static final StructType LAYERS =
      new StructType()
          .add("site", DataTypes.IntegerType)
          .add("name", DataTypes.StringType)
          .add("tensor", DataTypes.StringType)
          .add("layers", DataTypes.createArrayType(DataTypes.StringType))
          .add("channels", DataTypes.IntegerType)
          .add("outputs", DataTypes.IntegerType)
          .add("prefixTokens", DataTypes.IntegerType)
          .add("weightBits", DataTypes.IntegerType)
          .add("activationBits", DataTypes.IntegerType)
          .add("absMax", DataTypes.FloatType)
          .add("minMaxLoss", DataTypes.DoubleType)
          .add("baselineClip", DataTypes.DoubleType)
          .add("baselineStep", DataTypes.FloatType)
          .add("baselineLoss", DataTypes.DoubleType)
          .add("baselineHeldOutLoss", DataTypes.DoubleType)
          .add("noise", DataTypes.StringType)
          .add("noiseDropped", DataTypes.BooleanType)
          .add("rescaled", DataTypes.BooleanType)
          .add("clip", DataTypes.DoubleType)
          .add("step", DataTypes.FloatType)
          .add("shift", DataTypes.DoubleType)
          .add("range", DataTypes.DoubleType)
          .add("predictedLoss", DataTypes.DoubleType)
          .add("loss", DataTypes.DoubleType)
          .add("heldOutLoss", DataTypes.DoubleType);

  private static final StructType CANDIDATES =
      new StructType()
          .add("site", DataTypes.IntegerType)
          .add("search", DataTypes.StringType)
          .add("index", DataTypes.IntegerType)
          .add("clip", DataTypes.DoubleType)
          .add("shift", DataTypes.DoubleType)
          .add("range", DataTypes.DoubleType)
          .add("predicted", DataTypes.DoubleType)
          .add("loss", DataTypes.DoubleType)
          .add("heldOutLoss", DataTypes.DoubleType);

  private final SparkSession spark;
  private final OutputFolder output;

  CalibrationFiles(SparkSession spark, OutputFolder output) {
    this.spark = spark;
    this.output = output;
  }

  void write(NoisyQuantModel model, Calibrated calibrated) throws IOException {
    NoisyQuantModel.Content content = model.content();
    output.write("model.onnx", content.quantized());
    output.write("baseline.onnx", content.baseline());
    output.write("preprocessor_config.json", utf8(content.preprocessing().toJson()));
    output.write("calibration.json", utf8(content.result().toJson()));
    output.write("quarantine.csv", utf8(quarantine(calibrated.images().quarantined())));
    oneFile(spark.createDataFrame(layers(calibrated), LAYERS), output.staging("layers.parquet"));
    oneFile(
        spark.createDataFrame(candidates(calibrated), CANDIDATES),
        output.staging("candidates.parquet"));
    StoredStatistics.write(
        output.fileSystem(),
        output.staging(StoredStatistics.FOLDER),
        calibrated.manifest(),
        calibrated.statistics(),
        calibrated.imageRows());
  }

  private static void oneFile(Dataset<Row> rows, Path path) {
    rows.coalesce(1).write().parquet(path.toString());
  }

  private static List<Row> layers(Calibrated calibrated) {
    List<Row> rows = new ArrayList<>();
    for (SiteResult site : calibrated.sites()) {
      rows.add(
          RowFactory.create(
              site.site(),
              site.name(),
              site.tensor(),
              site.layers().toArray(new String[0]),
              site.channels(),
              site.outputs(),
              site.prefixTokens(),
              site.weightBits(),
              site.activationBits(),
              site.absMax(),
              site.minMax().loss(),
              site.baseline().clip(),
              site.baseline().step(),
              site.baseline().loss(),
              site.baseline().heldOutLoss(),
              site.chosen().noise().name(),
              site.noiseDropped(),
              site.rescale().length > 0,
              site.chosen().clip(),
              site.chosen().step(),
              site.chosen().shift(),
              site.chosen().range(),
              site.chosen().predicted(),
              site.chosen().loss(),
              site.chosen().heldOutLoss()));
    }
    return rows;
  }

  private static List<Row> candidates(Calibrated calibrated) {
    List<Row> rows = new ArrayList<>();
    for (CandidateScore score : calibrated.scores()) {
      rows.add(
          RowFactory.create(
              score.site(),
              score.search(),
              score.index(),
              score.candidate().clip(),
              score.candidate().shift(),
              score.candidate().range(),
              present(score.predicted()),
              score.loss().calibration(),
              present(score.loss().heldOut())));
    }
    return rows;
  }

  private static Double present(double value) {
    return Double.isNaN(value) ? null : value;
  }

  private static String quarantine(List<CalibrationImages.Quarantined> images) {
    StringBuilder csv = new StringBuilder("file,reason\n");
    for (CalibrationImages.Quarantined image : images) {
      csv.append(quoted(image.name())).append(',').append(quoted(image.reason())).append('\n');
    }
    return csv.toString();
  }

  private static String quoted(String text) {
    return '"' + text.replace("\"", "\"\"") + '"';
  }

  private static byte[] utf8(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }
}
