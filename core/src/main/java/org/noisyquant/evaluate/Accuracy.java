package org.noisyquant.evaluate;

import java.util.Objects;

/**
 * How often the label is the largest logit, and among the five largest: fractions of the labelled
 * images, or differences of such.
 */
public record Accuracy(Estimate top1, Estimate top5) {
  /** Both are always known together. */
  public Accuracy {
    Objects.requireNonNull(top1);
    Objects.requireNonNull(top5);
  }
}
