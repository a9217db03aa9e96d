package org.noisyquant.spark;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalInt;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.noisyquant.error.ErrorCode;
import org.noisyquant.error.NoisyQuantException;
import org.noisyquant.onnx.SiteFolds;
import org.noisyquant.quant.WeightRounding;
import org.noisyquant.runtime.FoldProbe;
import org.noisyquant.search.NoiseKind;
import org.noisyquant.spark.io.OutputFolder;
import org.noisyquant.spark.ml.FitPlan;
import org.noisyquant.spark.ml.NoisyQuant;
import org.noisyquant.spark.stage.ExecutorMemory;
import org.noisyquant.spark.stage.ImageFile;
import org.noisyquant.spark.stage.ImageSource;
import org.noisyquant.spark.stage.Labels;
import org.noisyquant.spark.stage.PixelCheck;
import org.noisyquant.spark.stage.PredictStage;
import org.noisyquant.spark.stage.SitePlan;

/**
 * {@code calibrate --dry-run}: whatever can be found out before anything is computed. The images
 * are read, decoded and classified on the executors, as in a real run.
 */
final class DryRun {
  private final SparkSession spark;
  private final JobConfig config;
  private final List<String> lines = new ArrayList<>();

  private DryRun(SparkSession spark, JobConfig config) {
    this.spark = spark;
    this.config = config;
  }

  /**
   * Checks a calibration and prints what it would do.
   *
   * @throws NoisyQuantException what the calibration would fail with; IMAGE_UNREADABLE if none of
   *     the sample can be read
   */
  static void execute(JobConfig config, CommandArguments arguments, JobRun run) {
    OnnxRuntimeNatives.check();
    OutputFolder.check(SparkScope.hadoop(), config.output().path(), config.output().overwrite());
    try (SparkScope scope = SparkScope.open(arguments.master(), arguments.verbose())) {
      run.print(new DryRun(scope.session(), config).plan());
    }
    run.succeeded();
  }

  private String plan() {
    NoisyQuant estimator = Estimators.of(config, IntegerRange.reduced(config));
    FitPlan plan = estimator.plan(spark);
    CalibrationInputs inputs =
        CalibrationInputs.list(spark, config, plan.model().graph().classes());
    line("model", "%s, %d classes", config.model().path(), plan.model().graph().classes());
    sites(plan);
    line(
        "method",
        "preset %s, search %s, noise %s, weights %s, %d image passes%s",
        config.values().get(JobKey.PRESET.path()),
        lower(config.search().mode()),
        lower(config.noise().kind()),
        lower(config.weights().rounding()),
        passes(),
        passes() > 0 ? " or more" : "");
    inputs.calibration().ifPresent(this::images);
    estimator.checkStatistics(spark, plan, inputs.calibration().isPresent());
    config.statistics().path().ifPresent(path -> line("statistics", "those in %s fit", path));
    line("evaluation", "%s", evaluation(inputs));
    ExecutorMemory limits = ExecutorMemory.of(spark);
    plan.memory().ifPresent(memory -> line("memory", "%s", limits.sentence(memory)));
    line("output", "%s can be written", config.output().path());
    inputs
        .calibration()
        .ifPresent(
            images ->
                sample(
                    images,
                    plan,
                    inputs.evaluation().isEmpty() ? inputs.labels() : Optional.empty()));
    inputs.evaluation().ifPresent(evaluated -> sample(evaluated, plan, inputs.labels()));
    lines.add("nothing was computed: without --dry-run the calibration starts");
    return String.join("\n", lines);
  }

  private void images(ImageSource images) {
    line(
        "images",
        "%d of %s, %.3g of them held out, in %d partitions",
        images.names().size(),
        images.folder(),
        config.images().heldOutFraction(),
        Math.min(Partitions.of(spark, config), images.names().size()));
  }

  private void sites(FitPlan plan) {
    SiteFolds folds =
        config.noise().fold() ? FoldProbe.folds(plan.model()) : SiteFolds.off(plan.model());
    boolean noisy = config.noise().kind() != NoiseKind.NONE;
    long adds =
        plan.sites().stream()
            .map(SitePlan::site)
            .filter(site -> !folds.fold(plan.model().graph().sites().get(site.index())).folds())
            .count();
    line(
        "quantized",
        "%d of %d sites at W%dA%d%s",
        plan.sites().size(),
        plan.model().graph().sites().size(),
        config.quantization().weightBits(),
        config.quantization().activationBits(),
        noisy ? ", the noise of " + adds + " of them needs an Add" : "");
  }

  private int passes() {
    if (config.images().path().isEmpty()) {
      return 0;
    }
    boolean guided = config.search().mode() == JobConfig.Search.Mode.GUIDED;
    boolean moments =
        config.weights().compensation() || config.weights().rounding() == WeightRounding.GPTQ;
    return 1 + (guided ? 1 : 3) + (moments ? 1 : 0);
  }

  private static String evaluation(CalibrationInputs inputs) {
    return inputs
            .evaluation()
            .map(images -> images.names().size() + " images of " + images.folder())
            .orElse(
                inputs.calibration().isPresent()
                    ? "on the held-out images"
                    : "none, no images are given")
        + (inputs.labels().isPresent() ? ", with labels" : ", without labels");
  }

  /** Reads, decodes and classifies a few images. */
  private void sample(ImageSource images, FitPlan plan, Optional<Labels> labels) {
    PredictStage stage =
        PredictStage.of(
            JavaSparkContext.fromSparkContext(spark.sparkContext()),
            List.of(plan.model().file()),
            plan.model().graph(),
            plan.preprocessing(),
            ImageFile.SCHEMA.fieldIndex("name"),
            ImageFile.SCHEMA.fieldIndex("content"));
    List<Row> rows =
        images
            .sample(PixelCheck.SAMPLE, config.job().seed())
            .read(1)
            .javaRDD()
            .mapPartitions(stage::predict)
            .collect();
    int readable = 0;
    for (Row row : rows) {
      ImageFile file = ImageFile.of(row);
      if (row.isNullAt(row.size() - 1)) {
        line("sample", "%s", reason(file));
        continue;
      }
      readable++;
      OptionalInt label = labels.map(l -> l.label(file.name())).orElse(OptionalInt.empty());
      line(
          "sample",
          "%s: the FP32 model says class %d%s",
          file.name(),
          (int) row.getDouble(row.size() - 1),
          label.isPresent() ? ", its label is " + label.getAsInt() : "");
    }
    if (readable == 0) {
      throw new NoisyQuantException(
          ErrorCode.IMAGE_UNREADABLE,
          "none of "
              + rows.size()
              + " sampled images of "
              + images.folder()
              + " can be read: "
              + String.join("; ", lines.subList(lines.size() - rows.size(), lines.size())));
    }
    PixelCheck.of(rows, plan.preprocessing())
        .warning()
        .ifPresent(warning -> line("WARNING", "%s", warning));
  }

  private static String reason(ImageFile file) {
    try {
      file.decode();
      return file.name() + " cannot be preprocessed";
    } catch (NoisyQuantException e) {
      return e.getMessage();
    }
  }

  private void line(String what, String format, Object... values) {
    lines.add(
        String.format(Locale.ROOT, "%-11s", what) + String.format(Locale.ROOT, format, values));
  }

  private static String lower(Enum<?> value) {
    return value.name().toLowerCase(Locale.ROOT);
  }
}
