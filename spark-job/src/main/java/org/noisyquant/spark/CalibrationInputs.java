package org.noisyquant.spark;

import java.util.Optional;
import java.util.OptionalInt;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.sql.SparkSession;
import org.noisyquant.onnx.OnnxModel;
import org.noisyquant.runtime.ModelTrial;
import org.noisyquant.spark.io.ModelFiles;
import org.noisyquant.spark.stage.ImageSource;
import org.noisyquant.spark.stage.Labels;
import org.noisyquant.spark.stage.MemoryPlan;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The images of a calibration, listed before anything is computed.
 *
 * @param calibration those to calibrate on; absent: earlier statistics stand for them
 * @param evaluation those to evaluate on; absent: the held-out share of the others
 * @param labels of those that are evaluated
 * @param memory what the calibration will take; absent where the model could not be tried
 */
record CalibrationInputs(
    Optional<ImageSource> calibration,
    Optional<ImageSource> evaluation,
    Optional<Labels> labels,
    Optional<MemoryPlan> memory) {

  private static final Logger LOG = LoggerFactory.getLogger(CalibrationInputs.class);

  /** The images to evaluate on, or those that have them among them; absent: there are none. */
  Optional<ImageSource> evaluated() {
    return evaluation.or(() -> calibration);
  }

  /**
   * Lists them and reads the labels.
   *
   * @throws org.noisyquant.error.NoisyQuantException PLAN_TOO_LARGE, NO_IMAGES, LABELS_INVALID,
   *     MISSING_VALUE for a gate that needs labels, or for a model that cannot be read or run
   */
  static CalibrationInputs list(SparkSession spark, JobConfig config) {
    Configuration hadoop = spark.sparkContext().hadoopConfiguration();
    // The model first: it is read again by the Estimator, but a wrong one costs no listing.
    OnnxModel model = ModelFiles.model(hadoop, config.model().path());
    Optional<MemoryPlan> memory =
        ModelTrial.once(config.model().path(), model)
            .flatMap(values -> Estimators.of(config, false).memoryPlan(model, values));
    if (memory.isPresent()) {
      ExecutorMemory.of(spark).check(memory.get());
    }
    int classes = model.graph().classes();
    JobConfig.Images images = config.images();
    Optional<ImageSource> all =
        images.path().isEmpty()
            ? Optional.empty()
            : Optional.of(ImageSource.list(spark, images.path()));
    all.map(ImageSource::names)
        .filter(names -> images.count() > names.size())
        .ifPresent(
            names ->
                LOG.warn(
                    "images.count is {}, but {} has {} images: all are used",
                    images.count(),
                    images.path(),
                    names.size()));
    Optional<ImageSource> calibration = all.map(source -> ChosenImages.of(source, config));
    Optional<ImageSource> evaluation =
        config
            .evaluation()
            .path()
            .map(path -> ImageSource.list(spark, path, JobKey.EVALUATION_PATH.toString()));
    Optional<Labels> labels =
        evaluation
            .or(() -> all)
            .flatMap(source -> LabelSource.of(config, source, OptionalInt.of(classes), hadoop));
    evaluation
        .or(() -> calibration)
        .ifPresent(source -> labels.ifPresent(l -> l.check(source.names(), classes)));
    QualityGates.checkInputs(
        config, evaluation.or(() -> calibration).isPresent(), labels.isPresent());
    return new CalibrationInputs(calibration, evaluation, labels, memory);
  }
}
