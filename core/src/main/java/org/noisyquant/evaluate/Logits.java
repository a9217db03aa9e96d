package org.noisyquant.evaluate;

import java.util.Objects;
import org.noisyquant.error.ErrorCode;
import org.noisyquant.error.NoisyQuantException;

/**
 * The finite logits [classes] of one model for one image.
 *
 * <p>All arithmetic is in double and sequential, with StrictMath, so that equal logits give equal
 * bits on every JVM. Equal logits rank by index, the lower first.
 */
public final class Logits {
  private final String model;
  private final String image;
  private final float[] values;
  private final int top;
  private final double logSumExp;

  private Logits(String model, String image, float[] values, int top) {
    this.model = model;
    this.image = image;
    this.values = values;
    this.top = top;
    // Relative to the largest logit no exponential overflows and the sum is at least 1.
    double max = values[top];
    double sum = 0;
    for (float value : values) {
      sum += StrictMath.exp(value - max);
    }
    this.logSumExp = max + StrictMath.log(sum);
  }

  /**
   * Checks the logits of one image.
   *
   * @param model name of the model, for comparisons and errors
   * @param image name of the image: unique among the evaluated images and the same in every run,
   *     since the bootstrap weights are drawn from it
   * @param values [classes], kept: the caller must not change it
   * @throws NoisyQuantException NON_FINITE_ACTIVATION for NaN or infinity, MODEL_UNSUPPORTED for no
   *     logits at all
   */
  public static Logits of(String model, String image, float[] values) {
    Objects.requireNonNull(model);
    Objects.requireNonNull(image);
    if (values.length == 0) {
      throw new NoisyQuantException(
          ErrorCode.MODEL_UNSUPPORTED,
          "model " + model + " gives no logits for image " + image + "; it must have a classifier");
    }
    int top = 0;
    for (int i = 0; i < values.length; i++) {
      if (!Float.isFinite(values[i])) {
        throw new NoisyQuantException(
            ErrorCode.NON_FINITE_ACTIVATION,
            String.format(
                "model %s: logit %d of image %s is %s; check that the model runs in FP32 on this"
                    + " image with the preprocessing it was trained with",
                model, i, image, values[i]));
      }
      if (values[i] > values[top]) {
        top = i;
      }
    }
    return new Logits(model, image, values, top);
  }

  String model() {
    return model;
  }

  String image() {
    return image;
  }

  int classes() {
    return values.length;
  }

  int top() {
    return top;
  }

  /** The largest softmax probability, exp(max z − log Σ exp z): above 0, at most 1. */
  double confidence() {
    return Math.min(1, StrictMath.exp(values[top] - logSumExp));
  }

  /** Whether the class is among the k largest logits. */
  boolean amongTop(int k, int label) {
    float own = values[label];
    int ahead = 0;
    for (int i = 0; i < values.length; i++) {
      if (values[i] > own || (values[i] == own && i < label)) {
        ahead++;
      }
    }
    return ahead < k;
  }

  /** Σ z². */
  double signal() {
    double sum = 0;
    for (float value : values) {
      sum += (double) value * value;
    }
    return sum;
  }

  /** Σ (z − other)². */
  double squaredError(Logits other) {
    checkSameClasses(other);
    double sum = 0;
    for (int i = 0; i < values.length; i++) {
      double difference = (double) values[i] - other.values[i];
      sum += difference * difference;
    }
    return sum;
  }

  /**
   * KL(softmax(z) ‖ softmax(other)) = Σ p·(log p − log q) in nats. Rounding leaves an absolute
   * error of about 1e-16·(1 + max|z|); what it makes negative is zero.
   */
  double klTo(Logits other) {
    checkSameClasses(other);
    double sum = 0;
    for (int i = 0; i < values.length; i++) {
      double logP = values[i] - logSumExp;
      double logQ = other.values[i] - other.logSumExp;
      sum += StrictMath.exp(logP) * (logP - logQ);
    }
    return Math.max(0, sum);
  }

  private void checkSameClasses(Logits other) {
    if (other.values.length != values.length) {
      throw new NoisyQuantException(
          ErrorCode.MODEL_UNSUPPORTED,
          String.format(
              "model %s has %d logits for image %s, model %s has %d; compare models of one"
                  + " classifier",
              model, values.length, image, other.model, other.values.length));
    }
  }
}
