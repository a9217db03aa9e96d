package org.noisyquant.spark.stage;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.noisyquant.image.Preprocessing;
import org.noisyquant.image.Preprocessor;
import org.noisyquant.onnx.ActivationTaps;
import org.noisyquant.onnx.OnnxModel;
import org.noisyquant.runtime.ModelRunner;
import org.noisyquant.stats.SiteStatistics.Part;
import org.noisyquant.testing.TestData;
import org.noisyquant.testing.TestImages;

/**
 * The activations of sites of the Fashion-MNIST vision transformer, collected by one loop on one
 * thread: what calibration on Spark is compared with.
 *
 * @param bySite all images of each site, in the order of the plans
 */
record TestActivations(List<List<Activations>> bySite) {
  static final String MODEL = "fashion_vit.onnx";

  private static final String PREPROCESSING = "preprocessor_config_vit.json";

  /** One image's activations of one site, x [tokens, channels]. */
  record Activations(String digest, Part part, float[] x, int tokens) {}

  /** Runs all images of a folder. */
  static TestActivations collect(
      OnnxModel model, List<SitePlan> plans, Path images, long seed, double heldOut) {
    Preprocessor preprocessor =
        TestImages.preprocessor(TestData.fashion(PREPROCESSING), model.graph());
    List<String> tensors = plans.stream().map(plan -> plan.site().tensor()).toList();
    List<List<Activations>> bySite = new ArrayList<>();
    plans.forEach(plan -> bySite.add(new ArrayList<>()));
    try {
      Path tapped = images.resolveSibling("tapped.onnx");
      Files.write(tapped, ActivationTaps.addTo(model, tensors).bytes());
      try (ModelRunner runner = ModelRunner.open(tapped, 1);
          ModelRunner.Run run =
              runner.newRun(model.graph().height(), model.graph().width(), tensors)) {
        for (Path file : pngs(images)) {
          String digest = ImageHash.digest(Files.readAllBytes(file));
          Part part = ImageHash.isHeldOut(seed, digest, heldOut) ? Part.HELD_OUT : Part.CALIBRATION;
          run.run(TestImages.read(file, preprocessor));
          for (int i = 0; i < tensors.size(); i++) {
            float[] x = run.values(i);
            int tokens = x.length / plans.get(i).site().channels();
            bySite.get(i).add(new Activations(digest, part, x, tokens));
          }
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return new TestActivations(bySite);
  }

  /** A new folder with the first calibration images. */
  static Path images(Path folder, int count) {
    try {
      Path images = Files.createDirectory(folder.resolve("images"));
      for (Path file : pngs(TestData.fashion("calibration")).subList(0, count)) {
        Files.copy(file, images.resolve(file.getFileName()));
      }
      return images;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** The preprocessing of the model. */
  static Preprocessing preprocessing(OnnxModel model) {
    Path file = TestData.fashion(PREPROCESSING);
    try {
      return Preprocessing.fromJson(
          Files.readString(file), file.toString(), model.graph().height(), model.graph().width());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static List<Path> pngs(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.filter(f -> f.toString().endsWith("png")).sorted().toList();
    }
  }
}
