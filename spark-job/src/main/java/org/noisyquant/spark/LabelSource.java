package org.noisyquant.spark;

import java.util.Optional;
import java.util.OptionalInt;
import org.apache.hadoop.conf.Configuration;
import org.noisyquant.error.NoisyQuantException;
import org.noisyquant.spark.stage.ClassList;
import org.noisyquant.spark.stage.ImageSource;
import org.noisyquant.spark.stage.Labels;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Where the classes of evaluated images come from. */
final class LabelSource {
  private static final String FOLDERS = "folders";

  private static final Logger LOG = LoggerFactory.getLogger(LabelSource.class);

  private LabelSource() {}

  /**
   * The labels that {@code evaluation.labels} names, or those beside the images.
   *
   * @param images the whole listing, not a sample: class folders are numbered in its order
   * @param classes number of logits; empty where there is no model
   * @return empty where nothing is named and nothing is found
   * @throws NoisyQuantException LABELS_INVALID
   */
  static Optional<Labels> of(
      JobConfig config, ImageSource images, OptionalInt classes, Configuration hadoop) {
    JobConfig.Evaluation evaluation = config.evaluation();
    Optional<ClassList> list = evaluation.classes().map(path -> ClassList.read(path, hadoop));
    list.ifPresent(known -> classes.ifPresent(known::check));
    Optional<Labels> labels =
        evaluation
            .labels()
            .map(
                given ->
                    given.equals(FOLDERS)
                        ? Labels.fromFolders(images, list, classes)
                        : Labels.read(given, hadoop, list))
            .or(() -> images.labels(list));
    if (list.isPresent() && labels.isEmpty()) {
      LOG.warn(
          "{} names classes, but the images have no labels: {} says where they are",
          JobKey.EVALUATION_CLASSES,
          JobKey.EVALUATION_LABELS);
    }
    return labels;
  }
}
