package org.noisyquant.spark.ml;

import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.api.java.function.MapPartitionsFunction;
import org.apache.spark.ml.Model;
import org.apache.spark.ml.param.Param;
import org.apache.spark.ml.param.ParamMap;
import org.apache.spark.ml.util.MLReader;
import org.apache.spark.ml.util.MLWritable;
import org.apache.spark.ml.util.MLWriter;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.types.StructType;
import org.noisyquant.error.ErrorCode;
import org.noisyquant.error.NoisyQuantException;
import org.noisyquant.graph.ModelGraph;
import org.noisyquant.image.Preprocessing;
import org.noisyquant.onnx.OnnxFile;
import org.noisyquant.onnx.OnnxModel;
import org.noisyquant.result.CalibrationResult;
import org.noisyquant.spark.stage.Calibrated;
import org.noisyquant.spark.stage.PredictStage;

/**
 * A quantized vision transformer: the ONNX files, what was chosen, and a {@code transform} that
 * classifies images with the quantized and with the FP32 model.
 *
 * <p>{@code transform} appends two double columns with the class of the largest logit (the lower
 * class wins a tie); both are null where the image cannot be read.
 */
public final class NoisyQuantModel extends Model<NoisyQuantModel> implements MLWritable {
  private static final long serialVersionUID = 1L;

  private final String uid;
  private final Param<String> nameCol;
  private final Param<String> contentCol;
  private final Param<String> predictionCol;
  private final Param<String> fp32PredictionCol;
  private final transient Content content;
  private final transient Calibrated calibrated;

  /**
   * What a model is made of.
   *
   * @param fp32 the ONNX model that was quantized
   * @param baseline quantized without noise: same weights, each site's best clip
   * @param quantized quantized with noisy biases
   * @param preprocessing how images become the input of all three
   * @param result what was chosen, and from what
   */
  public record Content(
      OnnxFile fp32,
      OnnxFile baseline,
      OnnxFile quantized,
      Preprocessing preprocessing,
      CalibrationResult result) {}

  NoisyQuantModel(String uid, Content content, Calibrated calibrated) {
    // Params read their parent's uid when they are made.
    this.uid = uid;
    this.content = content;
    this.calibrated = calibrated;
    nameCol = new Param<>(this, "nameCol", "column with the unique name of an image, string");
    contentCol = new Param<>(this, "contentCol", "column with the image file, binary");
    predictionCol = new Param<>(this, "predictionCol", "class by the quantized model");
    fp32PredictionCol = new Param<>(this, "fp32PredictionCol", "class by the FP32 model");
    setDefault(nameCol, "name");
    setDefault(contentCol, "content");
    setDefault(predictionCol, "prediction");
    setDefault(fp32PredictionCol, "fp32Prediction");
  }

  /** Loads what {@code save} wrote. */
  public static NoisyQuantModel load(String path) {
    return read().load(path);
  }

  /** A reader for what {@link #write} wrote. */
  public static MLReader<NoisyQuantModel> read() {
    return new NoisyQuantModelFormat.Reader();
  }

  @Override
  public String uid() {
    return uid;
  }

  /** Column with the unique name of an image. */
  public Param<String> nameCol() {
    return nameCol;
  }

  /** Column with the bytes of the image file. */
  public Param<String> contentCol() {
    return contentCol;
  }

  /** Added column: class by the quantized model. */
  public Param<String> predictionCol() {
    return predictionCol;
  }

  /** Added column: class by the FP32 model. */
  public Param<String> fp32PredictionCol() {
    return fp32PredictionCol;
  }

  /** The ONNX files and what was chosen. */
  public Content content() {
    return content;
  }

  /**
   * How the calibration went: statistics, scores, quarantined images. Absent in a model that was
   * loaded. Call its {@code release} when it is no longer needed.
   */
  public Optional<Calibrated> summary() {
    return Optional.ofNullable(calibrated);
  }

  @Override
  public Dataset<Row> transform(Dataset<?> dataset) {
    StructType schema = transformSchema(dataset.schema());
    JavaSparkContext spark =
        JavaSparkContext.fromSparkContext(dataset.sparkSession().sparkContext());
    ModelGraph graph = OnnxModel.of(content.fp32(), "the FP32 model").graph();
    PredictStage stage =
        PredictStage.of(
            spark,
            List.of(content.quantized(), content.fp32()),
            graph,
            content.preprocessing(),
            dataset.schema().fieldIndex(text(nameCol)),
            dataset.schema().fieldIndex(text(contentCol)));
    return dataset
        .toDF()
        .mapPartitions(
            (MapPartitionsFunction<Row, Row>) (Iterator<Row> rows) -> stage.predict(rows),
            Encoders.row(schema));
  }

  @Override
  public StructType transformSchema(StructType schema) {
    ImageColumns.check(schema, text(nameCol), text(contentCol));
    return ImageColumns.withPredictions(schema, text(predictionCol), text(fp32PredictionCol));
  }

  @Override
  public NoisyQuantModel copy(ParamMap extra) {
    NoisyQuantModel copied = new NoisyQuantModel(uid, content, calibrated);
    return copyValues(copied, extra).setParentOf(this);
  }

  @Override
  public MLWriter write() {
    if (content == null) {
      throw new NoisyQuantException(
          ErrorCode.INTERNAL, "a NoisyQuantModel exists on the driver only");
    }
    return new NoisyQuantModelFormat.Writer(this);
  }

  private NoisyQuantModel setParentOf(NoisyQuantModel other) {
    if (other.hasParent()) {
      setParent(other.parent());
    }
    return this;
  }

  private String text(Param<String> param) {
    return getOrDefault(param);
  }
}
