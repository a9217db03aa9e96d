package org.noisyquant.spark;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.SparkSession;
import org.noisyquant.error.ErrorCode;
import org.noisyquant.error.NoisyQuantException;
import org.noisyquant.evaluate.EvaluationResult;
import org.noisyquant.image.Preprocessing;
import org.noisyquant.onnx.OnnxModel;
import org.noisyquant.runtime.ModelTrial;
import org.noisyquant.spark.io.Metrics;
import org.noisyquant.spark.io.ModelFiles;
import org.noisyquant.spark.io.OutputFolder;
import org.noisyquant.spark.stage.Checkpoints;
import org.noisyquant.spark.stage.EvaluateStage;
import org.noisyquant.spark.stage.Evaluated;
import org.noisyquant.spark.stage.ImageFilter;
import org.noisyquant.spark.stage.ImageSource;
import org.noisyquant.spark.stage.Labels;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The work of {@code evaluate}: any quantized models against the FP32 model. */
final class EvaluateStep implements JobStep {
  private static final Logger LOG = LoggerFactory.getLogger(EvaluateStep.class);

  @Override
  public String run(SparkSession spark, JobConfig config, OutputFolder output, Metrics metrics) {
    Configuration hadoop = spark.sparkContext().hadoopConfiguration();
    String path = config.model().path();
    OnnxModel model = ModelFiles.model(hadoop, path);
    Preprocessing preprocessing =
        ModelFiles.preprocessing(
            hadoop, path, model.graph(), config.model().preprocessing().orElse(""));
    List<EvaluateStage.Subject> compared = new ArrayList<>();
    List<String> names = names(config.evaluation().models());
    for (int i = 0; i < names.size(); i++) {
      compared.add(
          new EvaluateStage.Subject(
              names.get(i),
              model.graph().output(),
              ModelFiles.file(
                  hadoop,
                  config.evaluation().models().get(i),
                  JobKey.EVALUATION_MODELS.toString())));
    }
    tryModels(path, model, compared);
    ImageSource all = ImageSource.list(spark, config.images().path());
    ImageSource images = ChosenImages.of(all, config);
    int classes = model.graph().classes();
    Optional<Labels> labels = LabelSource.of(config, all, OptionalInt.of(classes), hadoop);
    labels.ifPresent(l -> l.check(images.names(), classes));
    QualityGates.checkLabels(config.gates(), labels.isPresent());
    Evaluated evaluated =
        new EvaluateStage(
                JavaSparkContext.fromSparkContext(spark.sparkContext()),
                new EvaluateStage.Subject("fp32", model.graph().output(), model.file()),
                compared,
                preprocessing,
                0,
                config.evaluation().bootstrapReplicates(),
                config.job().seed(),
                Checkpoints.in(
                    output.fileSystem(), output.checkpoints(), List.of(), 0, output.afterDeath()))
            .run(images.read(Partitions.of(spark, config)), labels, ImageFilter.ALL);
    metrics.put("evaluation.quarantined", evaluated.unreadable().count());
    RepeatedImages repeated = new RepeatedImages(metrics);
    repeated.evaluation(evaluated, images.names());
    repeated.warn();
    EvaluationResult result = check(evaluated, config.images().maxBadFraction());
    metrics.put("evaluation.images", result.images());
    AccuracyCheck.of(result, classes).flatMap(AccuracyCheck::warning).ifPresent(LOG::warn);
    List<String> prefixes = new ArrayList<>(List.of("fp32"));
    prefixes.addAll(names);
    result.toMetrics(prefixes).forEach(metrics::put);
    String table = result.toText();
    output.write("evaluation.txt", (table + "\n").getBytes(StandardCharsets.UTF_8));
    return table + String.format(Locale.ROOT, "%n%d images evaluated", result.images());
  }

  private static void tryModels(
      String path, OnnxModel model, List<EvaluateStage.Subject> compared) {
    try (ModelTrial trial = ModelTrial.open()) {
      trial.run(path, model.file(), model.graph());
      for (EvaluateStage.Subject subject : compared) {
        try {
          trial.run(subject.name(), subject.onnx(), model.graph());
        } catch (NoisyQuantException e) {
          throw new NoisyQuantException(
              e.code(), "model " + subject.name() + " cannot be evaluated: " + e.getMessage());
        }
      }
    }
  }

  private static EvaluationResult check(Evaluated evaluated, double maxBadFraction) {
    long unreadable = evaluated.unreadable().count();
    if (evaluated.result().isEmpty() || unreadable > maxBadFraction * evaluated.images()) {
      throw new NoisyQuantException(
          ErrorCode.TOO_MANY_BAD_IMAGES,
          evaluated.missing()
              + "; images.maxBadFraction = "
              + maxBadFraction
              + " allows less. Replace or remove them");
    }
    if (unreadable > 0) {
      LOG.warn("{}", evaluated.missing());
    }
    return evaluated.result().get();
  }

  /** File names without their ending as names of metrics, made unique by a number. */
  private static List<String> names(List<String> models) {
    List<String> names = new ArrayList<>();
    Set<String> taken = new HashSet<>(Set.of("fp32"));
    for (String uri : models) {
      String base = new Path(uri).getName().replaceFirst("\\.onnx$", "");
      base = base.replaceAll("[^A-Za-z0-9]", "");
      String name = base.isEmpty() ? "model" : base;
      for (int n = 2; !taken.add(name); n++) {
        name = base + n;
      }
      names.add(name);
    }
    return names;
  }
}
