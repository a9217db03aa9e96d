package org.noisyquant.spark.stage;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.apache.spark.api.java.JavaSparkContext;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.noisyquant.onnx.OnnxFile;
import org.noisyquant.onnx.OnnxModel;
import org.noisyquant.quant.WeightRounding;
import org.noisyquant.spark.testing.LocalSpark;
import org.noisyquant.testing.TestData;

/**
 * A calibration of a model that is too large for one file, by a limit that makes a small one such,
 * against the calibration of the same model in one file.
 */
class LargeModelIT {
  private static final Path VIT = TestData.fashion(TestActivations.MODEL);
  private static final int LIMIT = 100_000;

  /** So small that the second moments of some sites are taken at a time. */
  private static final long MOMENTS_MEMORY = 300_000;

  @TempDir static Path folder;

  private static Calibrated calibrate(OnnxModel model, Path images) {
    JavaSparkContext spark = JavaSparkContext.fromSparkContext(LocalSpark.session().sparkContext());
    List<SitePlan> plans =
        model.graph().sites().stream()
            .filter(site -> site.name().matches("blocks\\.[03]\\..*"))
            .map(site -> new SitePlan(site, 6, 6))
            .toList();
    CalibrationSettings settings =
        new CalibrationSettings(
            model,
            TestActivations.preprocessing(model),
            plans,
            TestSearch.of(true, 20, 0, 0.5),
            new WeightRules(WeightRounding.GPTQ, true, true, 0.01, 0.5, MOMENTS_MEMORY),
            1L << 31,
            0.3,
            0,
            1);
    return new Calibration(spark, settings)
        .run(
            Observations.of(ImageSource.list(LocalSpark.session(), images.toString()).read(2)),
            prefixWeight -> Map.of("noisyquant.source.sha256", "of either"));
  }

  private static byte[] inOneFile(String name, OnnxFile model) throws IOException {
    assertThat(model.hasData()).isTrue();
    Path file = folder.resolve(name);
    model.write(file);
    return OnnxFile.of(Files.readAllBytes(file), name, folder).bytes();
  }

  @Test
  void theResultsAreThoseOfTheModelInOneFile() throws IOException {
    Path images = TestActivations.images(folder, 6);
    Path file = folder.resolve("fp32.onnx");
    OnnxModel.read(VIT, LIMIT).file().write(file);

    Calibrated two = calibrate(OnnxModel.read(file, LIMIT), images);
    Calibrated one = calibrate(OnnxModel.read(VIT), images);
    two.release().run();
    one.release().run();

    assertThat(inOneFile("model.onnx", two.model())).isEqualTo(one.model().bytes());
    assertThat(inOneFile("baseline.onnx", two.baseline())).isEqualTo(one.baseline().bytes());
  }
}
