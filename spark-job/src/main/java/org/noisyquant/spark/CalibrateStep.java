package org.noisyquant.spark;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.noisyquant.evaluate.EvaluationResult;
import org.noisyquant.graph.ModelGraph;
import org.noisyquant.onnx.OnnxModel;
import org.noisyquant.spark.io.Metrics;
import org.noisyquant.spark.io.OutputFolder;
import org.noisyquant.spark.ml.FitPlan;
import org.noisyquant.spark.ml.NoisyQuant;
import org.noisyquant.spark.ml.NoisyQuantModel;
import org.noisyquant.spark.stage.Calibrated;
import org.noisyquant.spark.stage.Checkpoints;
import org.noisyquant.spark.stage.EvaluateStage;
import org.noisyquant.spark.stage.Evaluated;
import org.noisyquant.spark.stage.ImageFilter;
import org.noisyquant.spark.stage.ImageSource;
import org.noisyquant.spark.stage.RangeDrift;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The work of {@code calibrate}: fit, write the results, evaluate. */
final class CalibrateStep implements JobStep {
  private static final Logger LOG = LoggerFactory.getLogger(CalibrateStep.class);
  private static final double PERCENT = 100;

  @Override
  public String run(SparkSession spark, JobConfig config, OutputFolder output, Metrics metrics)
      throws IOException {
    NoisyQuant estimator = Estimators.of(config, IntegerRange.reduced(config));
    // The model first: a wrong one, or one that does not fit, costs no listing.
    FitPlan plan = estimator.plan(spark);
    CalibrationInputs inputs =
        CalibrationInputs.list(spark, config, plan.model().graph().classes());
    int partitions = Partitions.of(spark, config);
    Checkpoints checkpoints = checkpoints(config, inputs, output);
    NoisyQuantModel model =
        inputs.calibration().isPresent()
            ? estimator.fit(plan, inputs.calibration().get().read(partitions), checkpoints)
            : estimator.fitStatistics(plan, spark);
    Calibrated calibrated = model.summary().orElseThrow();
    try {
      metrics.put("resumed", String.join(",", checkpoints.resumed()));
      metrics.put("images.used", calibrated.images().calibration());
      metrics.put("images.heldOut", calibrated.images().heldOut());
      metrics.put("images.earlier", (long) calibrated.earlierImages());
      calibrated.drift().ifPresent(drift -> drift(drift, metrics));
      metrics.put("images.quarantined", (long) calibrated.images().quarantined().size());
      metrics.put("sites", (long) calibrated.sites().size());
      metrics.put("seconds.statistics", calibrated.secondsStatistics());
      metrics.put("sites.explicitAdds", (long) calibrated.explicitAdds());
      metrics.put("seconds.search", calibrated.secondsSearch());
      metrics.put("search.prefixWeight", calibrated.prefixWeight());
      metrics.put("seconds.weights", calibrated.secondsWeights());
      metrics.put("bytes.model", model.content().quantized().size());
      new CalibrationFiles(spark, output).write(model, calibrated);
    } finally {
      calibrated.release().run();
    }
    RepeatedImages repeated = new RepeatedImages(metrics);
    repeated.calibration(calibrated.images());
    String evaluation =
        inputs
            .evaluated()
            .map(
                images -> {
                  Evaluated evaluated =
                      evaluate(spark, config, inputs, images, model, checkpoints, metrics);
                  repeated.evaluation(evaluated, images.names());
                  repeated.overlap(calibrated.images(), evaluated, images.names());
                  return evaluated
                      .result()
                      .map(result -> table(result, inputs, repeated))
                      .orElse(
                          "nothing was evaluated: no evaluation image could be read, or was held"
                              + " out\n");
                })
            .orElse("nothing was evaluated: no images are given\n");
    repeated.warn();
    return evaluation
        + String.format(
            Locale.ROOT,
            "%d sites quantized at W%dA%d from %d images%s",
            calibrated.sites().size(),
            config.quantization().weightBits(),
            config.quantization().activationBits(),
            calibrated.images().calibration(),
            earlier(calibrated));
  }

  private static Checkpoints checkpoints(
      JobConfig config, CalibrationInputs inputs, OutputFolder output) {
    List<String> images = new ArrayList<>();
    inputs
        .calibration()
        .ifPresent(
            source -> {
              images.add(source.folder());
              images.addAll(source.names());
            });
    return Checkpoints.in(
        output.fileSystem(),
        output.checkpoints(),
        images,
        config.job().checkpointSeconds(),
        output.afterDeath());
  }

  private static void drift(RangeDrift drift, Metrics metrics) {
    metrics.put("drift.range", drift.largest());
    metrics.put("drift.site", drift.site());
    LOG.info(
        "ranges differ from those of the earlier statistics by up to {} %, most at {}",
        String.format(Locale.ROOT, "%.1f", PERCENT * drift.largest()), drift.site());
  }

  private static String earlier(Calibrated calibrated) {
    long all = calibrated.images().calibration() + calibrated.images().heldOut();
    if (calibrated.earlierImages() == 0) {
      return "";
    }
    return calibrated.earlierImages() == all
        ? ", on their statistics alone"
        : ", some of them by earlier statistics";
  }

  private static String table(
      EvaluationResult result, CalibrationInputs inputs, RepeatedImages repeated) {
    String note =
        inputs.evaluation().isPresent()
            ? repeated.onCalibrated().map(sentence -> sentence + "\n").orElse("")
            : "no evaluation images are given: these are the held-out calibration images\n";
    return result.toText() + "\n" + note;
  }

  private static Evaluated evaluate(
      SparkSession spark,
      JobConfig config,
      CalibrationInputs inputs,
      ImageSource evaluatedImages,
      NoisyQuantModel model,
      Checkpoints checkpoints,
      Metrics metrics) {
    long start = System.nanoTime();
    NoisyQuantModel.Content content = model.content();
    ModelGraph graph = OnnxModel.of(content.fp32(), config.model().path()).graph();
    String logits = graph.output();
    EvaluateStage stage =
        new EvaluateStage(
            JavaSparkContext.fromSparkContext(spark.sparkContext()),
            new EvaluateStage.Subject("fp32", logits, content.fp32()),
            List.of(
                new EvaluateStage.Subject("baseline", logits, content.baseline()),
                new EvaluateStage.Subject("noisyquant", logits, content.quantized())),
            content.preprocessing(),
            config.images().heldOutFraction(),
            config.evaluation().bootstrapReplicates(),
            config.job().seed(),
            checkpoints);
    boolean onlyHeldOut = inputs.evaluation().isEmpty();
    if (onlyHeldOut) {
      LOG.info("no evaluation images are given: the held-out calibration images are evaluated");
    }
    Dataset<Row> images = evaluatedImages.read(Partitions.of(spark, config));
    Evaluated evaluated =
        stage.run(images, inputs.labels(), onlyHeldOut ? ImageFilter.HELD_OUT : ImageFilter.ALL);
    if (evaluated.unreadable().count() > 0) {
      // No reason to throw a finished calibration away.
      LOG.warn("{}", evaluated.missing());
    }
    metrics.putSeconds("evaluate", start);
    metrics.put("evaluation.heldOut", onlyHeldOut);
    metrics.put("evaluation.quarantined", evaluated.unreadable().count());
    Optional<EvaluationResult> result = evaluated.result();
    result.ifPresent(r -> r.toMetrics().forEach(metrics::put));
    result
        .flatMap(r -> AccuracyCheck.of(r, graph.classes()))
        .flatMap(AccuracyCheck::warning)
        .ifPresent(LOG::warn);
    metrics.put("evaluation.images", result.map(EvaluationResult::images).orElse(0L));
    return evaluated;
  }
}
