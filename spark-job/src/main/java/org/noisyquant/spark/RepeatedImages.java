package org.noisyquant.spark;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.noisyquant.spark.io.Metrics;
import org.noisyquant.spark.stage.CalibrationImages;
import org.noisyquant.spark.stage.Evaluated;
import org.noisyquant.spark.stage.ImageCopies;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Tells of images, equal byte by byte, that are in a set more than once, or are evaluated though
 * they were calibrated on. No error: the numbers stand, but for less than they seem to.
 */
final class RepeatedImages {
  private static final Logger LOG = LoggerFactory.getLogger(RepeatedImages.class);

  private final Metrics metrics;
  private final List<String> found = new ArrayList<>();
  private String onCalibrated = "";

  RepeatedImages(Metrics metrics) {
    this.metrics = metrics;
  }

  /** Looks for copies among the calibration images; {@code images.duplicates}. */
  void calibration(CalibrationImages images) {
    copies(
        "images.duplicates",
        images.copies(),
        images.calibration() + images.heldOut(),
        "calibration");
  }

  /**
   * Looks for copies among the evaluated images; {@code evaluation.duplicates}.
   *
   * @param names of all images that were to be evaluated
   */
  void evaluation(Evaluated evaluated, List<String> names) {
    ImageCopies copies = evaluated.contents().copies(names);
    copies("evaluation.duplicates", copies, evaluated.contents().size(), "evaluation");
  }

  /**
   * Looks for evaluated images that were calibrated on; {@code images.overlap}.
   *
   * @param names of all images that were to be evaluated
   */
  void overlap(CalibrationImages calibration, Evaluated evaluated, List<String> names) {
    ImageCopies both = evaluated.contents().alsoIn(calibration.calibratedOn(), names);
    metrics.put("images.overlap", both.count());
    if (both.count() > 0) {
      onCalibrated =
          String.format(
              Locale.ROOT,
              "%d of %d evaluation images were calibrated on (%s): on others the models may be"
                  + " worse",
              both.count(),
              evaluated.contents().size(),
              both);
      found.add(onCalibrated);
    }
  }

  /** The sentence that belongs beside results on images that were calibrated on. */
  Optional<String> onCalibrated() {
    return onCalibrated.isEmpty() ? Optional.empty() : Optional.of(onCalibrated);
  }

  /** Logs everything found in one line. */
  void warn() {
    if (!found.isEmpty()) {
      LOG.warn("{}", String.join("; ", found));
    }
  }

  private void copies(String metric, ImageCopies copies, long images, String what) {
    metrics.put(metric, copies.count());
    if (copies.count() > 0) {
      found.add(
          String.format(
              Locale.ROOT,
              "%d of %d %s images are copies of others (%s)",
              copies.count(),
              images,
              what,
              copies));
    }
  }
}
