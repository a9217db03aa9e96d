package org.noisyquant.spark;

import java.util.Locale;
import java.util.Optional;
import org.noisyquant.evaluate.EvaluationResult;

/**
 * Whether the FP32 model is as accurate as its own confidence, the mean of its largest softmax
 * probability, suggests. Confidence knows no labels: where top-1 is far below it, the labels or the
 * preprocessing do not belong to the model.
 *
 * <p>The mean of n labelled images has a standard deviation of at most 1/(2√n). Three of them are
 * granted to chance, and {@link #OVERCONFIDENCE} to a model that is too sure of itself. What this
 * finds, and what not, was measured: docs/troubleshooting.md.
 *
 * @param top1 of FP32, a share of the labelled images
 * @param confidence of FP32, the mean over the labelled images
 * @param images number of labelled images
 * @param classes number of logits
 */
record AccuracyCheck(double top1, double confidence, long images, int classes) {
  /** Image classifiers that are trained well are 0.1 too sure of themselves at the most. */
  private static final double OVERCONFIDENCE = 0.15;

  /** Neighbours in a list of classes are alike: labels that are off by one have some hits. */
  private static final double NEIGHBOURS = 0.02;

  /** With fewer images, not a single hit may be bad luck. */
  private static final long LEAST_IMAGES = 20;

  private static final double DEVIATIONS = 3;

  /** Of the way from guessing to no error, how much may still be called guessing. */
  private static final double LARGEST_SLACK = 0.25;

  /** The check of an evaluation, where it has labels. */
  static Optional<AccuracyCheck> of(EvaluationResult result, int classes) {
    return result
        .referenceConfidence()
        .map(
            confidence ->
                new AccuracyCheck(
                    result.referenceAccuracy().orElseThrow().top1().value(),
                    confidence.value(),
                    result.labelledImages(),
                    classes));
  }

  /** What seems to be wrong, and what to do. */
  Optional<String> warning() {
    boolean sure = confidence - top1 > OVERCONFIDENCE + DEVIATIONS * deviation(0.5);
    if (atChance()) {
      return Optional.of(
          text(
              sure
                  ? "that is hardly better than guessing, though it is sure of itself. The labels or the"
                      + " class list are in another order than its logits (--labels, --classes),"
                      + " or the preprocessing is of another model (--preprocessing)"
                  : "that is hardly better than guessing, and it is unsure. Its input is not what"
                      + " it was trained on: check do_rescale, rescale_factor, image_mean and"
                      + " image_std of the preprocessing file (--preprocessing)"));
    }
    return sure
        ? Optional.of(
            text(
                "it is wrong far more often than it expects to be. Check the preprocessing file"
                    + " (--preprocessing): image_mean, image_std, resize and crop, RGB or BGR; or"
                    + " some labels are wrong, or the images are unlike those it was trained on"))
        : Optional.empty();
  }

  /**
   * With few classes and few images, what chance may do reaches up to models that are good: there
   * only what is below guessing itself counts.
   */
  private boolean atChance() {
    double chance = 1.0 / classes;
    double slack = NEIGHBOURS + DEVIATIONS * deviation(chance);
    boolean telling = slack <= (1 - chance) * LARGEST_SLACK;
    return images >= LEAST_IMAGES && top1 <= (telling ? chance + slack : chance);
  }

  /** Of the share of images that something of this probability happens to. */
  private double deviation(double probability) {
    return Math.sqrt(probability * (1 - probability) / images);
  }

  private String text(String verdict) {
    return String.format(
        Locale.ROOT,
        "the FP32 model has top-1 %.1f %% on %d labelled images and a mean confidence of %.1f %%:"
            + " %s",
        100 * top1,
        images,
        100 * confidence,
        verdict);
  }
}
