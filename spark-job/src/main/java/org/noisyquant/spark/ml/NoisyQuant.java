package org.noisyquant.spark.ml;

import static org.apache.spark.sql.functions.col;

import java.time.Instant;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.api.java.function.MapFunction;
import org.apache.spark.ml.param.Param;
import org.apache.spark.ml.param.ParamMap;
import org.apache.spark.ml.util.DefaultParamsReader;
import org.apache.spark.ml.util.DefaultParamsWritable;
import org.apache.spark.ml.util.Identifiable$;
import org.apache.spark.ml.util.MLReader;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.StructType;
import org.noisyquant.error.ErrorCode;
import org.noisyquant.error.NoisyQuantException;
import org.noisyquant.image.Preprocessing;
import org.noisyquant.onnx.OnnxModel;
import org.noisyquant.quant.WeightRounding;
import org.noisyquant.result.CalibrationResult;
import org.noisyquant.result.Provenance;
import org.noisyquant.runtime.ModelRunner;
import org.noisyquant.runtime.ModelTrial;
import org.noisyquant.search.CandidateGrid;
import org.noisyquant.search.NoiseKind;
import org.noisyquant.search.Objective;
import org.noisyquant.spark.io.BuildVersion;
import org.noisyquant.spark.io.Host;
import org.noisyquant.spark.io.ModelFiles;
import org.noisyquant.spark.stage.Calibrated;
import org.noisyquant.spark.stage.Calibration;
import org.noisyquant.spark.stage.CalibrationSettings;
import org.noisyquant.spark.stage.Checkpoints;
import org.noisyquant.spark.stage.ExecutorMemory;
import org.noisyquant.spark.stage.ImageFile;
import org.noisyquant.spark.stage.MemoryPlan;
import org.noisyquant.spark.stage.Observations;
import org.noisyquant.spark.stage.PixelCheck;
import org.noisyquant.spark.stage.SearchSettings;
import org.noisyquant.spark.stage.SitePlan;
import org.noisyquant.spark.stage.StoredStatistics;
import org.noisyquant.spark.stage.WeightRules;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Post-training quantization of an ONNX vision transformer with NoisyQuant-Linear (CVPR 2023), as
 * an MLlib Estimator: {@code fit} takes images and gives a {@link NoisyQuantModel} with the
 * quantized ONNX model.
 *
 * <pre>{@code
 * Dataset<Row> images = ImageSource.list(spark, "s3a://bucket/images").sample(256, 0).read(64);
 * NoisyQuantModel model = new NoisyQuant()
 *     .setModelPath("s3a://bucket/deit_tiny.onnx")
 *     .setWeightBits(6)
 *     .setActivationBits(6)
 *     .fit(images);
 * }</pre>
 */
public final class NoisyQuant extends NoisyQuantParams implements DefaultParamsWritable {
  private static final long serialVersionUID = 1L;

  private static final Logger LOG = LoggerFactory.getLogger(NoisyQuant.class);

  private static final double NANOS = 1e9;

  /** An Estimator with a random uid. */
  public NoisyQuant() {
    this(Identifiable$.MODULE$.randomUID("noisyquant"));
  }

  /** An Estimator with a given uid. */
  public NoisyQuant(String uid) {
    super(uid);
  }

  /** Loads what {@code save} wrote. */
  public static NoisyQuant load(String path) {
    return read().load(path);
  }

  /** A reader for what {@code write} wrote; MLlib asks for it when it loads a Pipeline. */
  public static MLReader<NoisyQuant> read() {
    return new DefaultParamsReader<>();
  }

  /** Sets {@link #modelPath()}. */
  public NoisyQuant setModelPath(String value) {
    set(modelPath(), value);
    return this;
  }

  /** Sets {@link #preprocessingPath()}. */
  public NoisyQuant setPreprocessingPath(String value) {
    set(preprocessingPath(), value);
    return this;
  }

  /** Sets {@link #statisticsPath()}. */
  public NoisyQuant setStatisticsPath(String value) {
    set(statisticsPath(), value);
    return this;
  }

  /** Sets {@link #referencePath()}. */
  public NoisyQuant setReferencePath(String value) {
    set(referencePath(), value);
    return this;
  }

  /** Sets {@link #prefixTokens()}. */
  public NoisyQuant setPrefixTokens(int value) {
    set(prefixTokens(), value);
    return this;
  }

  /** Sets {@link #weightBits()}. */
  public NoisyQuant setWeightBits(int value) {
    set(weightBits(), value);
    return this;
  }

  /** Sets {@link #activationBits()}. */
  public NoisyQuant setActivationBits(int value) {
    set(activationBits(), value);
    return this;
  }

  /** Sets {@link #edgeBits()}. */
  public NoisyQuant setEdgeBits(int value) {
    set(edgeBits(), value);
    return this;
  }

  /** Sets {@link #head()}. */
  public NoisyQuant setHead(boolean value) {
    set(head(), value);
    return this;
  }

  /** Sets {@link #reduceRange()}. */
  public NoisyQuant setReduceRange(boolean value) {
    set(reduceRange(), value);
    return this;
  }

  /** Sets {@link #include()}. */
  public NoisyQuant setInclude(List<String> value) {
    set(include(), value.toArray(new String[0]));
    return this;
  }

  /** Sets {@link #exclude()}. */
  public NoisyQuant setExclude(List<String> value) {
    set(exclude(), value.toArray(new String[0]));
    return this;
  }

  /** Sets {@link #objective()}. */
  public NoisyQuant setObjective(String value) {
    set(objective(), value);
    return this;
  }

  /** Sets {@link #clipCandidates()}, {@link #shiftCandidates()} and {@link #rangeCandidates()}. */
  public NoisyQuant setCandidates(int clips, int shifts, int ranges) {
    set(clipCandidates(), clips);
    set(shiftCandidates(), shifts);
    set(rangeCandidates(), ranges);
    return this;
  }

  /** Sets {@link #tokenFraction()}. */
  public NoisyQuant setTokenFraction(double value) {
    set(tokenFraction(), value);
    return this;
  }

  /**
   * Sets all parameters of search and weights to a preset; what is set afterwards wins.
   *
   * @param value {@code paper}, {@code balanced} (the default) or {@code best}
   * @throws IllegalArgumentException for another name
   */
  public NoisyQuant setPreset(String value) {
    Preset.of(value).applyTo(this);
    return this;
  }

  /** Sets {@link #searchMode()}. */
  public NoisyQuant setSearchMode(String value) {
    set(searchMode(), value);
    return this;
  }

  /** Sets {@link #noiseKind()}. */
  public NoisyQuant setNoiseKind(String value) {
    set(noiseKind(), value);
    return this;
  }

  /** Sets {@link #noiseFold()}. */
  public NoisyQuant setNoiseFold(boolean value) {
    set(noiseFold(), value);
    return this;
  }

  /** Sets {@link #channelRescale()}. */
  public NoisyQuant setChannelRescale(boolean value) {
    set(channelRescale(), value);
    return this;
  }

  /** Sets {@link #prefixWeight()}. */
  public NoisyQuant setPrefixWeight(double value) {
    set(prefixWeight(), value);
    return this;
  }

  /** Sets {@link #searchImageCount()}. */
  public NoisyQuant setSearchImageCount(int value) {
    set(searchImageCount(), value);
    return this;
  }

  /** Sets {@link #weightRounding()}. */
  public NoisyQuant setWeightRounding(String value) {
    set(weightRounding(), value);
    return this;
  }

  /** Sets {@link #weightCompensation()}. */
  public NoisyQuant setWeightCompensation(boolean value) {
    set(weightCompensation(), value);
    return this;
  }

  /** Sets {@link #biasCorrection()}. */
  public NoisyQuant setBiasCorrection(boolean value) {
    set(biasCorrection(), value);
    return this;
  }

  /** Sets {@link #damping()}. */
  public NoisyQuant setDamping(double value) {
    set(damping(), value);
    return this;
  }

  /** Sets {@link #momentsTokenFraction()}. */
  public NoisyQuant setMomentsTokenFraction(double value) {
    set(momentsTokenFraction(), value);
    return this;
  }

  /** Sets {@link #statisticsMemory()}. */
  public NoisyQuant setStatisticsMemory(long value) {
    set(statisticsMemory(), value);
    return this;
  }

  /** Sets {@link #momentsMemory()}. */
  public NoisyQuant setMomentsMemory(long value) {
    set(momentsMemory(), value);
    return this;
  }

  /** Sets {@link #heldOutFraction()}. */
  public NoisyQuant setHeldOutFraction(double value) {
    set(heldOutFraction(), value);
    return this;
  }

  /** Sets {@link #maxBadFraction()}. */
  public NoisyQuant setMaxBadFraction(double value) {
    set(maxBadFraction(), value);
    return this;
  }

  /** Sets {@link #seed()}. */
  public NoisyQuant setSeed(long value) {
    set(seed(), value);
    return this;
  }

  /** Sets {@link #nameCol()}. */
  public NoisyQuant setNameCol(String value) {
    set(nameCol(), value);
    return this;
  }

  /** Sets {@link #contentCol()}. */
  public NoisyQuant setContentCol(String value) {
    set(contentCol(), value);
    return this;
  }

  /** Sets {@link #predictionCol()}. */
  public NoisyQuant setPredictionCol(String value) {
    set(predictionCol(), value);
    return this;
  }

  /** Sets {@link #fp32PredictionCol()}. */
  public NoisyQuant setFp32PredictionCol(String value) {
    set(fp32PredictionCol(), value);
    return this;
  }

  /**
   * Calibrates on images, and on the statistics at {@link #statisticsPath()} where it is set.
   *
   * @param dataset images: a name column (unique) and a content column (image file)
   * @throws NoisyQuantException for a model, preprocessing, images or statistics that cannot be
   *     used; PLAN_TOO_LARGE as {@link #plan}
   */
  @Override
  public NoisyQuantModel fit(Dataset<?> dataset) {
    transformSchema(dataset.schema());
    return fit(plan(dataset.sparkSession()), dataset, Checkpoints.none());
  }

  /**
   * The same, on from where an earlier run on the same images was cut off.
   *
   * @param plan of this Estimator
   * @param checkpoints what that run finished, and where this one keeps what it finishes
   * @throws NoisyQuantException as {@link #fit(Dataset)}; IMAGES_CHANGED if the images are written
   *     to meanwhile
   */
  public NoisyQuantModel fit(FitPlan plan, Dataset<?> dataset, Checkpoints checkpoints) {
    transformSchema(dataset.schema());
    return fit(plan, dataset.sparkSession(), Optional.of(imageFiles(dataset)), checkpoints);
  }

  /**
   * Calibrates on the statistics at {@link #statisticsPath()} alone: candidates are judged by what
   * these predict.
   *
   * @param plan of this Estimator
   * @throws NoisyQuantException for statistics that cannot be used; INVALID_VALUE for parameters
   *     that need images
   */
  public NoisyQuantModel fitStatistics(FitPlan plan, SparkSession spark) {
    return fit(plan, spark, Optional.empty(), Checkpoints.none());
  }

  private NoisyQuantModel fit(
      FitPlan plan, SparkSession spark, Optional<Dataset<Row>> images, Checkpoints checkpoints) {
    long start = System.nanoTime();
    Instant startedAt = Instant.now();
    OnnxModel model = plan.model();
    Preprocessing preprocessing = plan.preprocessing();
    images.ifPresent(
        files ->
            PixelCheck.of(files.limit(PixelCheck.SAMPLE).collectAsList(), preprocessing)
                .warning()
                .ifPresent(LOG::warn));
    Calibrated calibrated =
        new Calibration(JavaSparkContext.fromSparkContext(spark.sparkContext()), settings(plan))
            .run(
                observations(spark, images, checkpoints),
                prefixWeight -> metadata(model, prefixWeight));
    CalibrationResult result =
        new CalibrationResult(
            CalibrationResult.FORMAT_VERSION,
            provenance(model, preprocessing, calibrated, spark),
            calibrated.sites(),
            new CalibrationResult.Run(
                Host.name(),
                startedAt.toString(),
                (System.nanoTime() - start) / NANOS,
                spark.version(),
                spark.sparkContext().master()));
    NoisyQuantModel fitted =
        new NoisyQuantModel(
            uid(),
            new NoisyQuantModel.Content(
                model.file(), calibrated.baseline(), calibrated.model(), preprocessing, result),
            calibrated);
    fitted.setParent(this);
    return copyValues(fitted, new ParamMap());
  }

  /**
   * Makes sure that the statistics that are named fit a plan, as {@link #fit} does before it
   * computes anything.
   *
   * @param images whether there will be images
   * @throws NoisyQuantException STATISTICS_INVALID, INVALID_VALUE or MISSING_VALUE
   */
  public void checkStatistics(SparkSession spark, FitPlan plan, boolean images) {
    Optional<Dataset<Row>> some = images ? Optional.of(spark.emptyDataFrame()) : Optional.empty();
    settings(plan).check(observations(spark, some, Checkpoints.none()));
  }

  private CalibrationSettings settings(FitPlan plan) {
    return new CalibrationSettings(
        plan.model(),
        plan.preprocessing(),
        plan.sites(),
        searchSettings(),
        weightRules(),
        value(statisticsMemory(), Long.class),
        value(heldOutFraction(), Double.class),
        value(maxBadFraction(), Double.class),
        value(seed(), Long.class));
  }

  private Observations observations(
      SparkSession spark, Optional<Dataset<Row>> images, Checkpoints checkpoints) {
    Optional<StoredStatistics> earlier =
        stored(spark, statisticsPath(), "statistics.path (--from-statistics)");
    if (images.isEmpty() && earlier.isEmpty()) {
      throw new NoisyQuantException(
          ErrorCode.MISSING_VALUE, "neither images nor statistics.path are given");
    }
    // Statistics alone have nothing new to compare.
    Optional<StoredStatistics> reference =
        stored(spark, referencePath(), "statistics.reference")
            .or(() -> images.flatMap(files -> earlier));
    return new Observations(images, earlier, reference, checkpoints);
  }

  private Optional<StoredStatistics> stored(SparkSession spark, Param<String> path, String key) {
    String uri = value(path, String.class);
    return uri.isEmpty() ? Optional.empty() : Optional.of(StoredStatistics.read(spark, uri, key));
  }

  /**
   * What {@link #fit} would quantize, and that there is the memory for it. Reads the model and its
   * preprocessing and runs the model once, in a process of its own.
   *
   * @throws NoisyQuantException for a model or preprocessing that cannot be used;
   *     NO_QUANTIZABLE_LAYER; PLAN_TOO_LARGE where the executors, or the driver, have far less
   *     memory than it would take
   */
  public FitPlan plan(SparkSession spark) {
    Configuration hadoop = spark.sparkContext().hadoopConfiguration();
    String path = value(modelPath(), String.class);
    OnnxModel model = ModelFiles.model(hadoop, path);
    Preprocessing preprocessing =
        ModelFiles.preprocessing(
            hadoop, path, model.graph(), value(preprocessingPath(), String.class));
    List<SitePlan> sites = new SitePlanner(this).plan(model, path);
    Optional<MemoryPlan> memory =
        ModelTrial.once(path, model).flatMap(values -> memoryPlan(model, values));
    memory.ifPresent(ExecutorMemory.of(spark)::check);
    return new FitPlan(model, preprocessing, sites, memory);
  }

  /**
   * The memory that {@link #fit} would take.
   *
   * @param model the one at the model's path
   * @param siteValues how many values each of its sites has for one image
   * @return nothing where there is nothing to quantize
   */
  public Optional<MemoryPlan> memoryPlan(OnnxModel model, List<Long> siteValues) {
    List<SitePlan> sites = new SitePlanner(this).selected(model.graph());
    return sites.isEmpty()
        ? Optional.empty()
        : Optional.of(
            MemoryPlan.of(
                new MemoryPlan.Subject(
                    model.graph(),
                    model.size(),
                    sites,
                    siteValues,
                    searchSettings(),
                    weightRules(),
                    value(statisticsMemory(), Long.class),
                    value(heldOutFraction(), Double.class) > 0)));
  }

  @Override
  public StructType transformSchema(StructType schema) {
    ImageColumns.check(schema, value(nameCol(), String.class), value(contentCol(), String.class));
    return ImageColumns.withPredictions(
        schema, value(predictionCol(), String.class), value(fp32PredictionCol(), String.class));
  }

  @Override
  public NoisyQuant copy(ParamMap extra) {
    return (NoisyQuant) defaultCopy(extra);
  }

  private Dataset<Row> imageFiles(Dataset<?> dataset) {
    Dataset<Row> rows = dataset.toDF();
    if (rows.schema().equals(ImageFile.SCHEMA)) {
      return rows;
    }
    return rows.select(col(value(nameCol(), String.class)), col(value(contentCol(), String.class)))
        .map(
            (MapFunction<Row, Row>) row -> ImageColumns.imageFile(row.getString(0), row.getAs(1)),
            Encoders.row(ImageFile.SCHEMA));
  }

  private SearchSettings searchSettings() {
    boolean guided = value(searchMode(), String.class).equals("guided");
    boolean rescales = guided && value(noiseFold(), Boolean.class);
    CandidateGrid points =
        new CandidateGrid(
            value(clipCandidates(), Integer.class),
            value(shiftCandidates(), Integer.class),
            value(rangeCandidates(), Integer.class));
    return new SearchSettings(
        guided,
        guided ? CandidateGrid.AUTHORS : points,
        value(objective(), String.class).equals("input") ? Objective.INPUT : Objective.OUTPUT,
        guided
            ? NoiseKind.valueOf(value(noiseKind(), String.class).toUpperCase(Locale.ROOT))
            : NoiseKind.UNIFORM,
        value(noiseFold(), Boolean.class),
        rescales && value(channelRescale(), Boolean.class),
        guided && value(biasCorrection(), Boolean.class),
        value(prefixWeight(), Double.class),
        value(searchImageCount(), Integer.class),
        value(tokenFraction(), Double.class));
  }

  private WeightRules weightRules() {
    return new WeightRules(
        WeightRounding.valueOf(value(weightRounding(), String.class).toUpperCase(Locale.ROOT)),
        value(weightCompensation(), Boolean.class),
        value(biasCorrection(), Boolean.class),
        value(damping(), Double.class),
        value(momentsTokenFraction(), Double.class),
        value(momentsMemory(), Long.class));
  }

  private Provenance provenance(
      OnnxModel model, Preprocessing preprocessing, Calibrated calibrated, SparkSession spark) {
    return new Provenance(
        BuildVersion.noisyquant(),
        ModelRunner.version(),
        System.getProperty("os.arch"),
        spark.sparkContext().conf().getInt("spark.task.cpus", 1),
        model.sha256(),
        Provenance.preprocessing(preprocessing),
        calibrated.images().calibration(),
        calibrated.images().heldOut(),
        calibrated.earlierImages(),
        calibrated.images().quarantined().size(),
        calibrated.images().sha256(),
        resultParams(calibrated.prefixWeight()));
  }

  /** With the weight of prefix tokens that was taken. */
  private SortedMap<String, Object> resultParams(double prefixWeight) {
    SortedMap<String, Object> values = resultParams();
    values.put(prefixWeight().name(), prefixWeight);
    return values;
  }

  private Map<String, String> metadata(OnnxModel model, double prefixWeight) {
    Map<String, String> metadata = new TreeMap<>();
    metadata.put("noisyquant.version", BuildVersion.noisyquant());
    metadata.put("noisyquant.model.sha256", model.sha256());
    resultParams(prefixWeight)
        .forEach(
            (name, value) ->
                metadata.put(
                    "noisyquant." + name,
                    value instanceof String[] texts ? String.join(",", texts) : value.toString()));
    return metadata;
  }
}
