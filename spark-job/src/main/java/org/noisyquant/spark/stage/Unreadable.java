package org.noisyquant.spark.stage;

import java.io.Serializable;

/**
 * How many images could not be read, and the first of them by name: what is told of them without
 * bringing all of them to the driver.
 *
 * @param count how many
 * @param name of the first; empty if there is none
 * @param reason why that one could not be read
 */
public record Unreadable(long count, String name, String reason) implements Serializable {
  /** No image. */
  static final Unreadable NONE = new Unreadable(0, "", "");

  /** One image. */
  static Unreadable of(String name, String reason) {
    return new Unreadable(1, name, reason);
  }

  /** Both together, in any order. */
  Unreadable plus(Unreadable other) {
    if (count == 0 || other.count == 0) {
      return count == 0 ? other : this;
    }
    Unreadable first = name.compareTo(other.name) <= 0 ? this : other;
    return new Unreadable(count + other.count, first.name, first.reason);
  }
}
