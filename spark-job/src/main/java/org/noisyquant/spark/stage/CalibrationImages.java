package org.noisyquant.spark.stage;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.apache.spark.sql.Row;
import org.noisyquant.error.ErrorCode;
import org.noisyquant.error.NoisyQuantException;
import org.noisyquant.stats.SiteStatistics.Part;

/**
 * The images of a calibration.
 *
 * @param calibration how many choices were made on
 * @param heldOut how many choices were checked on
 * @param quarantined those that could not be read, sorted by name
 * @param sha256 over the sorted content digests of all that were read
 * @param copies those of both parts that are copies of others
 * @param calibratedOn the contents that choices were made on; 16 bytes per image
 */
public record CalibrationImages(
    long calibration,
    long heldOut,
    List<Quarantined> quarantined,
    String sha256,
    ImageCopies copies,
    ImageContents calibratedOn) {

  /**
   * An image that could not be read.
   *
   * @param name of the image
   * @param reason why
   */
  public record Quarantined(String name, String reason) {}

  /** Sums up the image rows of the statistics pass. */
  static CalibrationImages of(List<Row> rows, double maxBadFraction) {
    List<Quarantined> quarantined = new ArrayList<>();
    List<String> digests = new ArrayList<>();
    ImageContents.Builder all = new ImageContents.Builder();
    ImageContents.Builder calibratedOn = new ImageContents.Builder();
    long heldOut = 0;
    for (Row row : rows) {
      String name = row.getAs("name");
      String digest = row.getAs("digest");
      if (digest == null) {
        quarantined.add(new Quarantined(name, row.getAs("reason")));
        continue;
      }
      digests.add(digest);
      all.add(name, digest);
      if (Part.valueOf(row.getAs("part")) == Part.HELD_OUT) {
        heldOut++;
      } else {
        calibratedOn.add(name, digest);
      }
    }
    check(rows.size(), quarantined, digests.size() - heldOut, maxBadFraction);
    digests.sort(null);
    return new CalibrationImages(
        digests.size() - heldOut,
        heldOut,
        List.copyOf(quarantined),
        ImageHash.digest(String.join("\n", digests).getBytes(StandardCharsets.US_ASCII)),
        all.build().copies(rows.stream().map(row -> row.<String>getAs("name")).toList()),
        calibratedOn.build());
  }

  private static void check(
      long all, List<Quarantined> quarantined, long calibration, double maxBadFraction) {
    if (all == 0) {
      throw new NoisyQuantException(
          ErrorCode.NO_IMAGES, "there is no calibration image; check images.path (--images)");
    }
    if (quarantined.size() > maxBadFraction * all) {
      Quarantined first = quarantined.get(0);
      throw new NoisyQuantException(
          ErrorCode.TOO_MANY_BAD_IMAGES,
          String.format(
              "%d of %d images cannot be read, more than images.maxBadFraction = %s allows; the"
                  + " first is %s: %s",
              quarantined.size(), all, maxBadFraction, first.name(), first.reason()));
    }
    if (calibration == 0) {
      throw new NoisyQuantException(
          ErrorCode.NO_IMAGES,
          "all "
              + all
              + " images belong to the held-out part; give more images or lower"
              + " images.heldOutFraction");
    }
  }
}
