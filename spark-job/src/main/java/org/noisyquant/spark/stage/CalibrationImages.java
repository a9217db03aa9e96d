package org.noisyquant.spark.stage;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
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

  /**
   * Sums up the image rows of a statistics pass, which may be none where there are earlier ones.
   *
   * @param pass rows of the images that were read or refused in it
   * @param earlier rows of those that were read before
   * @throws NoisyQuantException NO_IMAGES, TOO_MANY_BAD_IMAGES; STATISTICS_INVALID for an image
   *     that was counted before
   */
  static CalibrationImages of(List<Row> pass, List<Row> earlier, double maxBadFraction) {
    CalibrationImages alone = of(pass);
    if (!pass.isEmpty() || earlier.isEmpty()) {
      check(pass.size(), alone.quarantined, alone.calibration, maxBadFraction);
    }
    if (earlier.isEmpty()) {
      return alone;
    }
    checkNew(pass, earlier);
    List<Row> both = new ArrayList<>(pass);
    both.addAll(earlier);
    both.sort(Comparator.comparing(row -> row.<String>getAs("name")));
    return of(both);
  }

  private static void checkNew(List<Row> pass, List<Row> earlier) {
    Map<String, String> names = new HashMap<>();
    earlier.forEach(row -> names.put(row.getAs("digest"), row.getAs("name")));
    List<Row> again =
        pass.stream().filter(row -> names.containsKey(row.<String>getAs("digest"))).toList();
    if (!again.isEmpty()) {
      String name = again.get(0).getAs("name");
      throw new NoisyQuantException(
          ErrorCode.STATISTICS_INVALID,
          String.format(
              "%d of %d images are in the earlier statistics already and would count twice, such as"
                  + " %s, which is %s there; give only new images",
              again.size(), pass.size(), name, names.get(again.get(0).<String>getAs("digest"))));
    }
  }

  private static CalibrationImages of(List<Row> rows) {
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
