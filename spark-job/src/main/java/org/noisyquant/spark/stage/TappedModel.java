package org.noisyquant.spark.stage;

import java.io.Serializable;
import java.util.Iterator;
import java.util.List;
import java.util.function.BiPredicate;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.Row;
import org.noisyquant.error.ErrorCode;
import org.noisyquant.error.NoisyQuantException;
import org.noisyquant.onnx.ActivationTaps;
import org.noisyquant.onnx.OnnxFile;
import org.noisyquant.onnx.OnnxModel;
import org.noisyquant.runtime.ModelRunner;
import org.noisyquant.stats.SiteStatistics.Part;

/**
 * The FP32 model with its sites as outputs, on every executor.
 *
 * @param model the tapped file
 * @param input how images reach it
 * @param sites which taps are shown, in topological order
 */
record TappedModel(ShippedModel model, ImageInput input, List<SitePlan> sites)
    implements Serializable {

  /** Gives the model with taps to all executors. */
  static TappedModel ship(
      JavaSparkContext spark, OnnxModel model, ImageInput input, List<SitePlan> sites) {
    OnnxFile tapped = ActivationTaps.addTo(model, SitePlan.tensors(sites));
    return new TappedModel(ShippedModel.ship(spark, tapped), input, List.copyOf(sites));
  }

  /**
   * The same file, of which only some sites are shown: an executor needs no second session for
   * them.
   */
  TappedModel only(List<SitePlan> some) {
    return new TappedModel(model, input, List.copyOf(some));
  }

  /** What a task does with one image. */
  @FunctionalInterface
  interface SiteVisitor {
    /**
     * Takes the activations of one site.
     *
     * @param position in {@link TappedModel#sites()}
     * @param x [tokens, channels], row-major, at the start of a reused array
     */
    void visit(int position, float[] x, int tokens);
  }

  /** Runs of one task. Not thread-safe. */
  final class Activations implements AutoCloseable {
    private final ModelRunner.Run run =
        ExecutorCache.runner(model).newRun(input.height(), input.width(), SitePlan.tensors(sites));
    private float[] scratch = new float[0];

    /** Runs one image and shows the activations of every site. */
    void visit(float[] pixels, SiteVisitor visitor) {
      run.run(pixels);
      for (int i = 0; i < sites.size(); i++) {
        int size = run.size(i);
        if (size > scratch.length) {
          scratch = new float[size];
        }
        run.copyTo(i, scratch);
        visitor.visit(i, scratch, size / sites.get(i).site().channels());
      }
    }

    @Override
    public void close() {
      run.close();
    }
  }

  Activations open() {
    return new Activations();
  }

  /** What a task does with one site of one image. */
  @FunctionalInterface
  interface ImageVisitor {
    /**
     * Takes the activations of one site, as {@link SiteVisitor} does.
     *
     * @param image whose activations they are; its pixels are reused
     */
    void visit(ImageInput.Pixels image, int position, float[] x, int tokens);
  }

  /**
   * Runs every image that is wanted and can be read. The others the statistics pass has listed.
   *
   * @param images rows of {@link ImageFile#SCHEMA}
   * @param wanted whether an image of this part and digest is to be run
   */
  void visit(Iterator<Row> images, BiPredicate<Part, String> wanted, ImageVisitor visitor) {
    ImageInput.Reader reader = input.newReader();
    try (Activations activations = open()) {
      while (images.hasNext()) {
        ImageFile file = ImageFile.of(images.next());
        if (!wanted.test(input.part(file.digest()), file.digest())) {
          continue;
        }
        ImageInput.Pixels pixels;
        try {
          pixels = reader.read(file);
        } catch (NoisyQuantException e) {
          if (e.code() == ErrorCode.IMAGE_UNREADABLE) {
            continue;
          }
          throw e;
        }
        activations.visit(
            pixels.values(), (position, x, tokens) -> visitor.visit(pixels, position, x, tokens));
      }
    }
  }
}
