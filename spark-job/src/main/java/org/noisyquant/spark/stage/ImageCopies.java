package org.noisyquant.spark.stage;

import java.util.List;

/**
 * How many images have a content that was there before.
 *
 * @param count how many, not counting the first of each content
 * @param examples a few of them in the order of their names
 */
public record ImageCopies(long count, List<String> examples) {
  /** How many examples are enough. */
  static final int EXAMPLES = 3;

  /** Checks that there is no example without a copy. */
  public ImageCopies {
    examples = List.copyOf(examples);
    if (examples.size() > count) {
      throw new IllegalArgumentException(count + " copies, examples " + examples);
    }
  }

  /** The examples, and that there are more of them. */
  @Override
  public String toString() {
    return String.join(", ", examples) + (count > examples.size() ? ", ..." : "");
  }
}
