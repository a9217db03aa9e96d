package org.noisyquant.spark;

import org.noisyquant.spark.stage.ImageSource;

/** Which of the images at {@code images.path} a run takes. */
final class ChosenImages {
  private ChosenImages() {}

  /** The sample of {@code images.count} images, or all where it is 0. */
  static ImageSource of(ImageSource all, JobConfig config) {
    int count = config.images().count();
    return count == 0 ? all : all.sample(count, config.job().seed());
  }
}
