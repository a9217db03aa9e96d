package org.noisyquant.onnx;

import java.util.Arrays;

/**
 * Tokens of one tensor.
 *
 * @param prefix leading tokens of the axis that are no patches
 * @param pure whether there are no patches after them
 * @param axis which axis of the tensor counts tokens
 * @param rank rank of the tensor
 * @param length tokens in all where known, else −1
 */
record Tokens(int prefix, boolean pure, int axis, int rank, long length) {
  /** Checks that the tensor has the axis. */
  Tokens {
    if (axis < 0 || axis >= rank) {
      throw new IllegalArgumentException("axis " + axis + " of " + rank);
    }
  }

  /** The same tokens counted by another axis; null if there is no such axis. */
  Tokens at(int newAxis, int newRank) {
    return newAxis >= 0 && newAxis < newRank
        ? new Tokens(prefix, pure, newAxis, newRank, length)
        : null;
  }

  Tokens ofLength(long newLength) {
    return new Tokens(prefix, pure, axis, rank, newLength);
  }

  /** The tokens from {@code start} to {@code end} (exclusive; −1 for all the rest), or null. */
  Tokens slice(long start, long end) {
    boolean toEnd = end == -1 || (length >= 0 && end >= length);
    if (pure || (!toEnd && end <= prefix)) {
      long stop = toEnd ? prefix : Math.min(end, prefix);
      return stop > start ? new Tokens((int) (stop - start), true, axis, rank, -1) : null;
    }
    long newLength = toEnd ? (length < 0 ? -1 : length - start) : end - start;
    return new Tokens((int) Math.max(0, prefix - start), false, axis, rank, newLength);
  }

  boolean isAxis(long named) {
    return Math.floorMod(named, rank) == axis;
  }

  /** After these axes are gone; null when the token axis is among them, or they are too many. */
  Tokens without(long... axes) {
    if (axes.length >= rank) {
      return null;
    }
    int newAxis = axis;
    for (long removed : axes) {
      if (isAxis(removed)) {
        return null;
      }
      if (Math.floorMod(removed, rank) < axis) {
        newAxis--;
      }
    }
    return at(newAxis, rank - axes.length);
  }

  /** After axes of size one are put in at these places of the result. */
  Tokens with(long... axes) {
    int newRank = rank + axes.length;
    int newAxis = axis;
    for (int inserted :
        Arrays.stream(axes).mapToInt(place -> Math.floorMod(place, newRank)).sorted().toArray()) {
      if (inserted <= newAxis) {
        newAxis++;
      }
    }
    return at(newAxis, newRank);
  }
}
