package org.noisyquant.spark.stage;

import java.io.Serializable;

/**
 * A sum over the contents of images, the same in any order: whether a later pass saw the images
 * that an earlier one did.
 *
 * @param sum of the first 64 bits of the images' digests, modulo 2^64
 * @param images how many they are
 */
record ContentSum(long sum, long images) implements Serializable {
  private static final int PIECES = 4;
  private static final int PIECE_BITS = 16;
  private static final long PIECE = 0xFFFF;

  static final ContentSum NONE = new ContentSum(0, 0);

  /** With one more image, by its digest in hexadecimal. */
  ContentSum plus(String digest) {
    return new ContentSum(sum + ImageHash.prefix(digest), images + 1);
  }

  /** As numbers whose sums over the parts of a set are those of the set: exact up to 2^37 parts. */
  double[] toSummands() {
    double[] summands = new double[PIECES + 1];
    for (int i = 0; i < PIECES; i++) {
      summands[i] = (sum >>> (PIECE_BITS * i)) & PIECE;
    }
    summands[PIECES] = images;
    return summands;
  }

  /** The set whose parts' {@link #toSummands} were summed. */
  static ContentSum ofSummands(double[] summands) {
    long sum = 0;
    for (int i = 0; i < PIECES; i++) {
      sum += (long) summands[i] << (PIECE_BITS * i);
    }
    return new ContentSum(sum, (long) summands[PIECES]);
  }

  /** Both together. */
  ContentSum plus(ContentSum other) {
    return new ContentSum(sum + other.sum, images + other.images);
  }
}
