package org.noisyquant.spark.stage;

import java.util.Comparator;
import java.util.List;
import org.noisyquant.error.ErrorCode;
import org.noisyquant.error.NoisyQuantException;

/** Samples of images, drawn by their names. */
final class ImageNames {
  private record Hashed(long hash, String name) {}

  private ImageNames() {}

  /**
   * The given number of names, sorted, or all where there are fewer: those of the smallest hash
   * with the seed. A larger sample contains the smaller.
   *
   * @throws NoisyQuantException INVALID_VALUE if the number is below 1
   */
  static List<String> sample(List<String> names, int count, long seed) {
    if (count < 1) {
      throw new NoisyQuantException(
          ErrorCode.INVALID_VALUE,
          "images.count (--calibration-count) is " + count + "; it must be 1 or more");
    }
    return names.stream()
        .map(name -> new Hashed(ImageHash.seeded(seed, name), name))
        .sorted(
            Comparator.comparing(Hashed::hash, Long::compareUnsigned).thenComparing(Hashed::name))
        .limit(count)
        .map(Hashed::name)
        .sorted()
        .toList();
  }
}
