package org.noisyquant.spark.stage;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.noisyquant.error.ErrorCode;
import org.noisyquant.error.NoisyQuantException;
import org.noisyquant.evaluate.EvaluationResult;
import org.noisyquant.evaluate.EvaluationSums;
import org.noisyquant.evaluate.ImageScore;
import org.noisyquant.evaluate.Logits;
import org.noisyquant.runtime.ModelRunner;
import org.noisyquant.stats.SiteStatistics.Part;

/**
 * A pass over images that compares models with the FP32 model: sums per partition, merged in a
 * tree; neither logits nor one value per image reach the driver.
 */
public final class EvaluateStage {
  /** Column with the class of an image, an integer; null or absent where it is not known. */
  public static final String LABEL = "label";

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
   * @param onnx the file
   */
  public record Subject(String name, String output, byte[] onnx) {}

  /**
   * A stage for some models.
   *
   * @param reference the FP32 model
   * @param compared what is compared with it; the first is the baseline of all differences
   * @param input how images reach the models
   * @param replicates of the bootstrap
   * @param seed of the bootstrap
   */
  EvaluateStage(
      JavaSparkContext spark,
      Subject reference,
      List<Subject> compared,
      ImageInput input,
      int replicates,
      long seed) {
    this.input = input;
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
   * @param images columns name, content and, where known, label
   * @param onlyHeldOut whether images outside of the held-out part are left out
   * @return empty if no image was left
   */
  Optional<EvaluationResult> run(Dataset<Row> images, boolean onlyHeldOut) {
    List<Named> named = List.copyOf(models);
    ImageInput imageInput = input;
    int r = replicates;
    long s = seed;
    byte[] merged =
        images
            .javaRDD()
            .mapPartitions(
                rows -> partition(rows, named, imageInput, new Bootstrap(r, s), onlyHeldOut))
            .treeReduce(EvaluateStage::merge, TREE_DEPTH);
    EvaluationResult result = EvaluationSums.fromBytes(merged).result();
    return result.images() == 0 ? Optional.empty() : Optional.of(result);
  }

  private record Bootstrap(int replicates, long seed) {}

  private static Iterator<byte[]> partition(
      Iterator<Row> images,
      List<Named> models,
      ImageInput input,
      Bootstrap bootstrap,
      boolean onlyHeldOut) {
    List<String> names = models.stream().map(Named::name).toList();
    EvaluationSums sums =
        EvaluationSums.empty(
            names.get(0), names.subList(1, names.size()), bootstrap.replicates, bootstrap.seed);
    if (images.hasNext()) {
      ImageInput.Reader reader = input.newReader();
      List<ModelRunner.Run> runs = new ArrayList<>();
      try {
        for (Named model : models) {
          runs.add(
              ExecutorCache.runner(model.model())
                  .newRun(input.height(), input.width(), List.of(model.output())));
        }
        while (images.hasNext()) {
          evaluate(images.next(), names, runs, reader, onlyHeldOut).ifPresent(sums::update);
        }
      } finally {
        runs.forEach(ModelRunner.Run::close);
      }
    }
    return Collections.singleton(sums.toBytes()).iterator();
  }

  private static Optional<ImageScore> evaluate(
      Row image,
      List<String> names,
      List<ModelRunner.Run> runs,
      ImageInput.Reader reader,
      boolean onlyHeldOut) {
    ImageInput.Pixels pixels;
    try {
      pixels = reader.read(image);
    } catch (NoisyQuantException e) {
      if (e.code() == ErrorCode.IMAGE_UNREADABLE) {
        return Optional.empty();
      }
      throw e;
    }
    if (onlyHeldOut && pixels.part() != Part.HELD_OUT) {
      return Optional.empty();
    }
    List<Logits> logits = new ArrayList<>();
    for (int m = 0; m < runs.size(); m++) {
      runs.get(m).run(pixels.values());
      logits.add(Logits.of(names.get(m), pixels.name(), runs.get(m).values(0)));
    }
    return Optional.of(
        ImageScore.of(label(image), logits.get(0), logits.subList(1, logits.size())));
  }

  private static int label(Row image) {
    boolean known =
        image.schema() != null
            && List.of(image.schema().fieldNames()).contains(LABEL)
            && !image.isNullAt(image.fieldIndex(LABEL));
    return known ? image.<Number>getAs(LABEL).intValue() : ImageScore.NO_LABEL;
  }

  private static byte[] merge(byte[] a, byte[] b) {
    EvaluationSums sums = EvaluationSums.fromBytes(a);
    sums.merge(EvaluationSums.fromBytes(b));
    return sums.toBytes();
  }
}
