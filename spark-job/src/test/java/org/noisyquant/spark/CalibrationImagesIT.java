package org.noisyquant.spark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.withinPercentage;

import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.noisyquant.result.SiteResult;
import org.noisyquant.spark.TestJob.Ended;
import org.noisyquant.spark.stage.ImageHash;
import org.noisyquant.spark.testing.CapturedLog;
import org.noisyquant.testing.GraphBuilder;

/** Which images a calibration uses, and what becomes of the others. */
class CalibrationImagesIT {
  private static final String VIT = "fashion_vit.onnx";
  private static final String QUARTER_HELD_OUT =
      TestJob.COARSE + "noisyquant.images.heldOutFraction = 0.25";

  @TempDir static Path folder;

  private static TestJob job;
  private static Ended whole;

  @BeforeAll
  static void calibrateOnGoodImages() {
    job = new TestJob(folder);
    whole = calibrate("whole", QUARTER_HELD_OUT, job.images("images", 12));
    assertThat(whole.exitCode()).as(whole.err()).isZero();
  }

  private static Ended calibrate(String output, String keys, Path images) {
    return job.calibrate(output, keys, VIT, images, "--include", "blocks.0.*");
  }

  @Test
  void truncatedImagesAreQuarantinedAndChangeNothingElse() throws IOException {
    Path images = job.images("with-truncated", 12);
    byte[] png = Files.readAllBytes(TestJob.fashionImages().get(20));
    Files.write(images.resolve("cut.png"), Arrays.copyOf(png, png.length / 2));
    byte[] jpeg = jpeg();
    Files.write(images.resolve("cut, \"in half\".jpg"), Arrays.copyOf(jpeg, jpeg.length / 2));
    Ended ended =
        calibrate(
            "quarantined", QUARTER_HELD_OUT + "\nnoisyquant.images.maxBadFraction = 0.2", images);

    assertThat(ended.exitCode()).as(ended.err()).isZero();
    assertThat(Files.readAllLines(ended.output().resolve("quarantine.csv")))
        .hasSize(3)
        .startsWith("file,reason")
        .anyMatch(line -> line.matches("\"cut\\.png\",\".*cut\\.png.*\""))
        .anyMatch(line -> line.startsWith("\"cut, \"\"in half\"\".jpg\",\""));
    assertThat(ended.metrics().get("images.quarantined").asInt()).isEqualTo(2);
    assertThat(ended.metrics().get("images.used")).isEqualTo(whole.metrics().get("images.used"));
    assertThat(ended.bytes("model.onnx")).isEqualTo(whole.bytes("model.onnx"));
    assertThat(ended.reproducible().get("sites")).isEqualTo(whole.reproducible().get("sites"));
  }

  private static byte[] jpeg() throws IOException {
    BufferedImage picture = new BufferedImage(64, 64, BufferedImage.TYPE_INT_RGB);
    for (int i = 0; i < 64 * 64; i++) {
      picture.setRGB(i % 64, i / 64, i * 40503);
    }
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    assertThat(ImageIO.write(picture, "jpg", bytes)).isTrue();
    return bytes.toByteArray();
  }

  @Test
  void moreBadImagesThanAllowedFailTheCalibration() throws IOException {
    Path images = job.images("one-bad", 12);
    TestJob.write(images.resolve("bad.png"), "no image");
    Ended ended = calibrate("too-many", QUARTER_HELD_OUT, images);
    assertThat(ended.exitCode()).isEqualTo(3);
    assertThat(ended.err()).startsWith("ERROR TOO_MANY_BAD_IMAGES: 1 of 13 images");
    assertThat(ended.metrics().get("error.code").asText()).isEqualTo("TOO_MANY_BAD_IMAGES");
    assertThat(ended.output().resolve("model.onnx")).doesNotExist();
  }

  @Test
  void heldOutImagesAreNeverCalibratedOn() throws IOException {
    Path images = job.images("without-held-out", 12);
    int heldOut = 0;
    for (Path image : TestJob.fashionImages().subList(0, 12)) {
      if (ImageHash.isHeldOut(0, ImageHash.digest(Files.readAllBytes(image)), 0.25)) {
        Files.delete(images.resolve(image.getFileName()));
        heldOut++;
      }
    }
    assertThat(heldOut).isPositive();
    assertThat(whole.metrics().get("images.heldOut").asInt()).isEqualTo(heldOut);
    Ended ended = calibrate("calibration-part", QUARTER_HELD_OUT, images);

    List<SiteResult> expected = whole.calibration().sites();
    List<SiteResult> actual = ended.calibration().sites();
    for (int i = 0; i < expected.size(); i++) {
      SiteResult e = expected.get(i);
      SiteResult a = actual.get(i);
      assertThat(a.absMax()).isEqualTo(e.absMax());
      assertThat(a.noise()).isEqualTo(e.noise());
      assertThat(a.chosen().step()).isEqualTo(e.chosen().step());
      assertThat(a.chosen().loss()).isCloseTo(e.chosen().loss(), withinPercentage(1e-6));
      assertThat(a.minMax().loss()).isCloseTo(e.minMax().loss(), withinPercentage(1e-6));
      assertThat(a.chosen().heldOutLoss()).isNull();
      assertThat(e.chosen().heldOutLoss()).isPositive();
    }
    assertThat(ended.metrics().get("images.heldOut").asInt()).isZero();
    assertThat(ended.metrics().get("evaluation.images").asInt()).isZero();
    assertThat(ended.out()).contains("nothing was evaluated");
  }

  @Test
  void copiesAreReportedAndNeverEvaluatedWhileTheirTwinIsCalibratedOn() throws IOException {
    Path images = job.images("with-copies", 12);
    for (Path image : TestJob.fashionImages().subList(0, 12)) {
      Files.copy(image, images.resolve("copy-of-" + image.getFileName()));
    }
    try (CapturedLog log = CapturedLog.open()) {
      Ended ended = calibrate("copies", QUARTER_HELD_OUT, images);

      int heldOut = whole.metrics().get("images.heldOut").asInt();
      assertThat(ended.exitCode()).as(ended.err()).isZero();
      assertThat(ended.metrics().get("images.heldOut").asInt()).isEqualTo(2 * heldOut);
      assertThat(ended.metrics().get("images.duplicates").asInt()).isEqualTo(12);
      assertThat(ended.metrics().get("evaluation.duplicates").asInt()).isEqualTo(heldOut);
      assertThat(ended.metrics().get("images.overlap").asInt()).isZero();
      assertThat(log.lines())
          .filteredOn(line -> line.contains("copies"))
          .singleElement()
          .asString()
          .startsWith("WARN 12 of 24 calibration images are copies of others (copy-of-")
          .contains(heldOut + " of " + 2 * heldOut + " evaluation images are copies of others");
    }
    assertThat(whole.metrics().get("images.duplicates").asInt()).isZero();
  }

  @Test
  void evaluatingOnImagesThatWereCalibratedOnIsSaid() throws IOException {
    Path images = job.images("evaluated-too", 12);
    Path evaluation = Files.createDirectory(folder.resolve("evaluation"));
    for (Path image : TestJob.fashionImages().subList(10, 14)) {
      Files.copy(image, evaluation.resolve("renamed-" + image.getFileName()));
    }
    try (CapturedLog log = CapturedLog.open()) {
      Ended ended =
          job.calibrate(
              "overlap",
              TestJob.COARSE + "noisyquant.images.heldOutFraction = 0",
              VIT,
              images,
              "--include",
              "blocks.0.attn.qkv",
              "--evaluation-images",
              evaluation.toString());

      String said = "2 of 4 evaluation images were calibrated on (renamed-";
      assertThat(ended.exitCode()).as(ended.err()).isZero();
      assertThat(ended.metrics().get("images.overlap").asInt()).isEqualTo(2);
      assertThat(ended.metrics().get("evaluation.duplicates").asInt()).isZero();
      assertThat(ended.out()).contains(said);
      assertThat(log.lines()).anyMatch(line -> line.startsWith("WARN " + said));
    }
  }

  @Test
  void withoutEvaluationImagesTheHeldOutOnesAreEvaluatedAndTheOutputSaysSo() {
    assertThat(whole.out()).contains("these are the held-out calibration images");
    assertThat(whole.metrics().get("evaluation.heldOut").asBoolean()).isTrue();
    assertThat(whole.metrics().get("evaluation.images"))
        .isEqualTo(whole.metrics().get("images.heldOut"));
    assertThat(whole.metrics().has("noisyquant.kl")).isTrue();
  }

  @Test
  void anActivationThatIsNoNumberNamesImageAndSite() throws IOException {
    Path images = Files.createDirectory(folder.resolve("plain"));
    Files.write(images.resolve("bright.png"), plain(250));
    Files.write(images.resolve("dark.png"), plain(3));
    Files.write(folder.resolve("log.onnx"), logarithmModel());
    TestJob.write(
        folder.resolve("preprocessor_config.json"),
        "{\"do_resize\": true, \"size\": {\"height\": 4, \"width\": 4}, \"resample\": 2,"
            + " \"image_mean\": [0.5, 0.5, 0.5], \"image_std\": [0.5, 0.5, 0.5]}");
    Path output = folder.resolve("not-a-number");
    Ended ended =
        job.run(
            "not-a-number",
            List.of(
                "calibrate",
                "--model",
                folder.resolve("log.onnx").toString(),
                "--images",
                images.toString(),
                "--output",
                output.toString()));
    assertThat(ended.exitCode()).isEqualTo(3);
    assertThat(ended.err())
        .startsWith("ERROR NON_FINITE_ACTIVATION: ")
        .contains("image dark.png, site mixer.fc1")
        .doesNotContain("bright.png");
    assertThat(ended.metrics().get("error.code").asText()).isEqualTo("NON_FINITE_ACTIVATION");
    assertThat(output.toFile().list()).containsExactlyInAnyOrder("_noisyquant", "metrics.json");
  }

  private static byte[] plain(int grey) throws IOException {
    BufferedImage picture = new BufferedImage(4, 4, BufferedImage.TYPE_INT_RGB);
    for (int i = 0; i < 16; i++) {
      picture.setRGB(i % 4, i / 4, grey * 0x010101);
    }
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    assertThat(ImageIO.write(picture, "png", bytes)).isTrue();
    return bytes.toByteArray();
  }

  /**
   * A layer that reads the logarithm of its input: not a number where a pixel is below its mean.
   */
  private static byte[] logarithmModel() {
    return new GraphBuilder(17)
        .tokens()
        .node("Log", List.of("x"), "logarithm")
        .random("mixer.fc1.weight", 16, 16)
        .node("MatMul", List.of("logarithm", "mixer.fc1.weight"), "mixed")
        .pooledHead("mixed")
        .bytes();
  }
}
