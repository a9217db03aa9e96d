package org.noisyquant.spark.stage;

import java.util.Optional;
import org.noisyquant.evaluate.EvaluationResult;

/**
 * What an evaluation has found.
 *
 * @param result empty if no image was left
 * @param images how many were to be evaluated, readable or not
 * @param unreadable those that could not be read
 * @param contents of the others; 16 bytes per image
 */
public record Evaluated(
    Optional<EvaluationResult> result, long images, Unreadable unreadable, ImageContents contents) {
  /** How many images are missing from the result, and the first of them with its reason. */
  public String missing() {
    return String.format(
        "%d of %d evaluation images cannot be read; the first is %s: %s",
        unreadable.count(), images, unreadable.name(), unreadable.reason());
  }
}
