package org.noisyquant.spark.stage;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.stream.Collectors;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.catalyst.expressions.GenericRowWithSchema;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.noisyquant.stats.SiteStatistics.Part;

class ImageSampleTest {
  private static final int IMAGES = 200;

  /** Every fourth image is held out, every tenth cannot be read. */
  private final List<Row> images = images();

  private static List<Row> images() {
    List<Row> rows = new ArrayList<>();
    for (int i = 0; i < IMAGES; i++) {
      rows.add(row("image " + i, i % 10 == 0 ? null : digest(i), i % 4 == 0));
    }
    return rows;
  }

  private static String digest(int content) {
    return ImageHash.digest(Integer.toString(content).getBytes(StandardCharsets.UTF_8));
  }

  private static Row row(String name, String digest, boolean heldOut) {
    Part part = heldOut ? Part.HELD_OUT : Part.CALIBRATION;
    Object[] values = {
      name, digest, digest == null ? null : part.name(), digest == null ? "cut" : null
    };
    return new GenericRowWithSchema(values, StatisticsStage.IMAGES);
  }

  private Set<String> chosen(ImageSample sample, Part part) {
    return images.stream()
        .filter(row -> part.name().equals(row.<String>getAs("part")))
        .map(row -> row.<String>getAs("digest"))
        .filter(digest -> sample.has(part, digest))
        .collect(Collectors.toSet());
  }

  /** 200 images, 50 of them held out, of which 10 cannot be read. */
  @ParameterizedTest
  @CsvSource({"7, 7, 7", "60, 60, 40", "0, 140, 40"})
  void ofEachPartAsManyAreChosenAsAreAskedForOrThere(int count, int calibration, int heldOut) {
    ImageSample sample = ImageSample.of(images, count, 3);

    assertThat(chosen(sample, Part.CALIBRATION)).hasSize(calibration);
    assertThat(chosen(sample, Part.HELD_OUT)).hasSize(heldOut);
  }

  @Test
  void theOrderOfTheImagesMakesNoDifference() {
    List<Row> shuffled = new ArrayList<>(images);
    Collections.shuffle(shuffled, new Random(5));

    assertThat(ImageSample.of(shuffled, 9, 3)).isEqualTo(ImageSample.of(images, 9, 3));
  }

  @Test
  void aLargerSampleContainsTheSmaller() {
    Set<String> small = chosen(ImageSample.of(images, 5, 3), Part.CALIBRATION);

    assertThat(chosen(ImageSample.of(images, 20, 3), Part.CALIBRATION)).containsAll(small);
  }

  @Test
  void anotherSeedChoosesOthers() {
    Set<String> other = chosen(ImageSample.of(images, 20, 4), Part.CALIBRATION);

    assertThat(chosen(ImageSample.of(images, 20, 3), Part.CALIBRATION)).isNotEqualTo(other);
  }

  @Test
  void copiesOfAnImageAreChosenTogether() {
    Set<String> first = new HashSet<>(chosen(ImageSample.of(images, 1, 3), Part.HELD_OUT));
    List<Row> copied = new ArrayList<>(images);
    copied.add(row("copy", first.iterator().next(), true));
    ImageSample sample = ImageSample.of(copied, 2, 3);

    assertThat(chosen(sample, Part.HELD_OUT)).isEqualTo(first);
  }
}
