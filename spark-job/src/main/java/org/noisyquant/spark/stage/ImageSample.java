package org.noisyquant.spark.stage;

import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import org.apache.spark.sql.Row;
import org.noisyquant.stats.SiteStatistics.Part;

/**
 * A choice of images by their content: of each part those whose digest has the smallest hash with
 * the seed. How the images are spread makes no difference, and copies of an image are in it
 * together.
 *
 * @param seed of the choice
 * @param largest hash that is still in it, by part; all of a part that is not there
 */
record ImageSample(long seed, Map<Part, Long> largest) implements ImageFilter {
  ImageSample {
    largest = Map.copyOf(largest);
  }

  /**
   * A sample of images that were read.
   *
   * @param images rows of {@link StatisticsStage#IMAGES}
   * @param count of each part, or all where there are fewer; 0: all
   */
  static ImageSample of(List<Row> images, int count, long seed) {
    Map<Part, Long> largest = new EnumMap<>(Part.class);
    if (count == 0) {
      return new ImageSample(seed, largest);
    }
    for (Part part : Part.values()) {
      long[] hashes =
          images.stream()
              .filter(row -> row.getAs("digest") != null)
              .filter(row -> part.name().equals(row.<String>getAs("part")))
              .mapToLong(row -> ImageHash.seeded(seed, row.getAs("digest")))
              .sorted()
              .toArray();
      if (hashes.length > count) {
        largest.put(part, hashes[count - 1]);
      }
    }
    return new ImageSample(seed, largest);
  }

  @Override
  public boolean has(Part part, String digest) {
    Long most = largest.get(part);
    return most == null || ImageHash.seeded(seed, digest) <= most;
  }
}
