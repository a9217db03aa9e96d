package org.noisyquant.spark.stage;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.noisyquant.error.ErrorCode;
import org.noisyquant.error.NoisyQuantException;
import org.noisyquant.evaluate.EvaluationSums;
import org.noisyquant.evaluate.ImageScore;
import org.noisyquant.evaluate.Logits;
import org.noisyquant.image.Preprocessing;
import org.noisyquant.onnx.OnnxFile;
import org.noisyquant.runtime.ModelRunner;

/**
 * A pass over images that compares models with the FP32 model: sums per partition, merged in a
 * tree; of an image nothing but {@link ImageContents} reaches the driver.
 */
public final class EvaluateStage {
  private static final int TREE_DEPTH = 2;

  private final List<Named> models;
  private final ImageInput input;
  private final int replicates;
  private final long seed;

  private record Named(String name, String output, ShippedModel model) implements Serializable {}

  /**
   * A model to evaluate.
   *
   * @param name how results call it
   * @param output name of its logits
   * @param onnx the model as it is stored
   */
  public record Subject(String name, String output, OnnxFile onnx) {}

  /**
   * A stage for some models.
   *
   * @param reference the FP32 model
   * @param compared what is compared with it; the first is the baseline of all differences
   * @param preprocessing how images reach the models
   * @param heldOutFraction share of the images that belongs to the held-out part
   * @param replicates of the bootstrap
   * @param seed of the bootstrap and of the held-out part
   * @param checkpoints where tasks mark the images that they work on
   */
  public EvaluateStage(
      JavaSparkContext spark,
      Subject reference,
      List<Subject> compared,
      Preprocessing preprocessing,
      double heldOutFraction,
      int replicates,
      long seed,
      Checkpoints checkpoints) {
    input =
        new ImageInput(
            preprocessing.toJson(),
            preprocessing.height(),
            preprocessing.width(),
            heldOutFraction,
            seed,
            checkpoints.crashes(spark).orElse(null));
    this.replicates = replicates;
    this.seed = seed;
    models = new ArrayList<>();
    List<Subject> all = new ArrayList<>();
    all.add(reference);
    all.addAll(compared);
    for (Subject subject : all) {
      models.add(
          new Named(subject.name(), subject.output(), ShippedModel.ship(spark, subject.onnx())));
    }
  }

  /**
   * Evaluates.
   *
   * @param images rows of {@link ImageFile#SCHEMA}
   * @param labels classes of the images, where known
   * @param chosen which of the images are looked at
   * @throws NoisyQuantException MODEL_RUN_FAILED naming the model
   */
  public Evaluated run(Dataset<Row> images, Optional<Labels> labels, ImageFilter chosen) {
    Task task =
        new Task(new ArrayList<>(models), input, replicates, seed, labels.orElse(null), chosen);
    Partial all =
        images
            .javaRDD()
            .mapPartitions(task::partition)
            .treeReduce(EvaluateStage::merge, TREE_DEPTH);
    return new Evaluated(
        all.contents.size() == 0
            ? Optional.empty()
            : Optional.of(EvaluationSums.fromBytes(all.sums).result()),
        all.contents.size() + all.unreadable.count(),
        all.unreadable,
        all.contents);
  }

  /** Frees the models; nothing can be evaluated afterwards. */
  void release() {
    models.forEach(named -> ShippedModel.release(named.model()));
  }

  /** What is known of some of the images. */
  private record Partial(byte[] sums, ImageContents contents, Unreadable unreadable)
      implements Serializable {}

  /** What is done on the executors; labels are null where there are none. */
  private record Task(
      ArrayList<Named> models,
      ImageInput input,
      int replicates,
      long seed,
      Labels labels,
      ImageFilter chosen)
      implements Serializable {

    Iterator<Partial> partition(Iterator<Row> images) {
      List<String> names = models.stream().map(Named::name).toList();
      EvaluationSums sums =
          EvaluationSums.empty(names.get(0), names.subList(1, names.size()), replicates, seed);
      ImageContents.Builder contents = new ImageContents.Builder();
      Unreadable unreadable = Unreadable.NONE;
      if (images.hasNext()) {
        ImageInput.Reader reader = input.newReader();
        List<ModelRunner.Run> runs = new ArrayList<>();
        try {
          for (Named model : models) {
            runs.add(named(model, () -> open(model)));
          }
          while (images.hasNext()) {
            ImageFile image = ImageFile.of(images.next());
            if (!chosen.has(input.part(image.digest()), image.digest())) {
              continue;
            }
            ImageInput.Pixels pixels;
            try {
              pixels = reader.read(image);
            } catch (NoisyQuantException e) {
              if (e.code() != ErrorCode.IMAGE_UNREADABLE) {
                throw e;
              }
              unreadable = unreadable.plus(Unreadable.of(image.name(), e.getMessage()));
              continue;
            }
            sums.update(score(pixels, runs));
            contents.add(pixels.name(), pixels.digest());
          }
        } finally {
          runs.forEach(ModelRunner.Run::close);
        }
      }
      return List.of(new Partial(sums.toBytes(), contents.build(), unreadable)).iterator();
    }

    private ModelRunner.Run open(Named model) {
      return ExecutorCache.runner(model.model())
          .newRun(input.height(), input.width(), List.of(model.output()));
    }

    private ImageScore score(ImageInput.Pixels image, List<ModelRunner.Run> runs) {
      List<Logits> logits = new ArrayList<>();
      for (int m = 0; m < runs.size(); m++) {
        ModelRunner.Run run = runs.get(m);
        float[] values =
            named(
                models.get(m),
                () -> {
                  run.run(image.values());
                  return run.values(0);
                });
        logits.add(Logits.of(models.get(m).name(), image.name(), values));
      }
      int label =
          labels == null
              ? ImageScore.NO_LABEL
              : labels.label(image.name()).orElse(ImageScore.NO_LABEL);
      return ImageScore.of(label, logits.get(0), logits.subList(1, logits.size()));
    }

    /** Does something with a model; its failure names the model instead of a temporary file. */
    private static <T> T named(Named model, Supplier<T> use) {
      try {
        return use.get();
      } catch (NoisyQuantException e) {
        if (e.code() != ErrorCode.MODEL_RUN_FAILED) {
          throw e;
        }
        throw new NoisyQuantException(
            e.code(), "model " + model.name() + " cannot be evaluated: " + e.getMessage());
      }
    }
  }

  private static Partial merge(Partial a, Partial b) {
    EvaluationSums sums = EvaluationSums.fromBytes(a.sums);
    sums.merge(EvaluationSums.fromBytes(b.sums));
    return new Partial(
        sums.toBytes(), a.contents.plus(b.contents), a.unreadable.plus(b.unreadable));
  }
}
