package org.noisyquant.spark;

import java.util.Optional;
import org.apache.hadoop.conf.Configuration;
import org.noisyquant.error.NoisyQuantException;
import org.noisyquant.spark.stage.ImageSource;
import org.noisyquant.spark.stage.Labels;

/** Where the classes of evaluated images come from. */
final class LabelSource {
  private static final String FOLDERS = "folders";

  private LabelSource() {}

  /**
   * The labels that {@code evaluation.labels} names, or those beside the images.
   *
   * @param images the whole listing, not a sample: class folders are numbered in its order
   * @return empty where nothing is named and nothing is found
   * @throws NoisyQuantException LABELS_INVALID
   */
  static Optional<Labels> of(JobConfig config, ImageSource images, Configuration hadoop) {
    return config
        .evaluation()
        .labels()
        .map(given -> read(given, images, hadoop))
        .or(images::labels);
  }

  private static Labels read(String given, ImageSource images, Configuration hadoop) {
    return given.equals(FOLDERS) ? Labels.fromFolders(images) : Labels.read(given, hadoop);
  }
}
