package org.noisyquant.spark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.noisyquant.error.ErrorCode;
import org.noisyquant.error.NoisyQuantException;
import org.noisyquant.spark.testing.LocalSpark;

/** Which labels a calibration takes, and which it refuses before anything is computed. */
class CalibrationInputsIT {
  private static final int CLASSES = 10;

  @TempDir Path folder;

  private Path images;
  private List<String> names;

  @BeforeEach
  void copyImages() {
    images = new TestJob(folder).images("images", 4);
    names =
        TestJob.fashionImages().subList(0, 4).stream()
            .map(f -> f.getFileName().toString())
            .toList();
  }

  private CalibrationInputs inputs(Map<String, String> more) {
    Map<String, String> changes = new TreeMap<>(more);
    changes.putIfAbsent("images.path", images.toString());
    return CalibrationInputs.list(LocalSpark.session(), JobConfig.of(changes), CLASSES);
  }

  private void label(String... lines) {
    TestJob.write(images.resolve("labels.csv"), "file,label\n" + String.join("\n", lines) + "\n");
  }

  @Test
  void labelsBesideTheCalibrationImagesNeedNotBeOfAll() {
    label(names.get(0) + ",3", names.get(2) + ",9");

    CalibrationInputs inputs = inputs(Map.of());

    assertThat(inputs.labels()).isPresent();
    assertThat(inputs.labels().get().label(names.get(0))).hasValue(3);
    assertThat(inputs.labels().get().missing(names)).containsExactly(names.get(1), names.get(3));
  }

  @Test
  void labelsOfOtherImagesAreNone() {
    label("elsewhere.png,3");

    assertThat(inputs(Map.of()).labels()).isEmpty();
  }

  @Test
  void aLabelBeyondTheClassesIsRefusedWhereOthersAreMissing() {
    label(names.get(0) + ",10");

    assertInvalid(Map.of(), "the label 10");
  }

  @Test
  void labelsThatAreAskedForMustBeOfAll() {
    label(names.get(0) + ",3");

    assertInvalid(
        Map.of("evaluation.labels", images.resolve("labels.csv").toString()), "2 more images");
    assertInvalid(Map.of("evaluation.path", images.toString()), "2 more images");
  }

  @Test
  void aGateThatNeedsLabelsIsRefusedWhereNoImageHasOne() {
    label("elsewhere.png,3");

    assertThatThrownBy(() -> inputs(Map.of("gates.minTop1", "0.5")))
        .isInstanceOf(NoisyQuantException.class)
        .hasMessageContaining("gates.minTop1");
  }

  private void assertInvalid(Map<String, String> keys, String message) {
    assertThatThrownBy(() -> inputs(keys))
        .isInstanceOfSatisfying(
            NoisyQuantException.class,
            e -> assertThat(e.code()).isEqualTo(ErrorCode.LABELS_INVALID))
        .hasMessageContaining(message);
  }
}
