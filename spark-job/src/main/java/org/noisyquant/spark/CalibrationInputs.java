package org.noisyquant.spark;

import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.sql.SparkSession;
import org.noisyquant.spark.stage.ImageSource;
import org.noisyquant.spark.stage.Labels;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The images of a calibration, listed before anything is computed.
 *
 * @param calibration those to calibrate on; absent: earlier statistics stand for them
 * @param evaluation those to evaluate on; absent: the held-out share of the others
 * @param labels of those that are evaluated
 */
record CalibrationInputs(
    Optional<ImageSource> calibration, Optional<ImageSource> evaluation, Optional<Labels> labels) {

  private static final Logger LOG = LoggerFactory.getLogger(CalibrationInputs.class);

  /** The images to evaluate on, or those that have them among them; absent: there are none. */
  Optional<ImageSource> evaluated() {
    return evaluation.or(() -> calibration);
  }

  /**
   * Lists them and reads the labels.
   *
   * @param classes of the model
   * @throws org.noisyquant.error.NoisyQuantException NO_IMAGES, LABELS_INVALID, or MISSING_VALUE
   *     for a gate that needs labels
   */
  static CalibrationInputs list(SparkSession spark, JobConfig config, int classes) {
    Configuration hadoop = spark.sparkContext().hadoopConfiguration();
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
    Optional<ImageSource> evaluated = evaluation.or(() -> calibration);
    boolean asked = evaluation.isPresent() || config.evaluation().labels().isPresent();
    Optional<Labels> labels =
        evaluation
            .or(() -> all)
            .flatMap(source -> LabelSource.of(config, source, OptionalInt.of(classes), hadoop))
            .filter(
                found ->
                    evaluated.isEmpty() || serve(found, evaluated.get().names(), classes, asked));
    QualityGates.checkInputs(config, evaluated.isPresent(), labels.isPresent());
    return new CalibrationInputs(calibration, evaluation, labels);
  }

  /**
   * Whether labels are of use for these images.
   *
   * @param asked whether they must be complete: others merely lie beside the calibration images
   */
  private static boolean serve(Labels labels, List<String> names, int classes, boolean asked) {
    List<String> missing = asked ? List.of() : labels.missing(names);
    if (missing.isEmpty()) {
      labels.check(names, classes);
      return true;
    }
    LOG.warn(
        "{} of {} images have no label in {}, such as {}: accuracy is that of the others",
        missing.size(),
        names.size(),
        labels.source(),
        missing.get(0));
    labels.check(names.stream().filter(name -> labels.label(name).isPresent()).toList(), classes);
    return missing.size() < names.size();
  }
}
