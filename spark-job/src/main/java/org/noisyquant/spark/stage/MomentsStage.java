package org.noisyquant.spark.stage;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.stream.IntStream;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.api.java.function.MapFunction;
import org.apache.spark.api.java.function.MapGroupsFunction;
import org.apache.spark.api.java.function.MapPartitionsFunction;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.noisyquant.graph.ActivationSite;
import org.noisyquant.quant.MomentsCollector;
import org.noisyquant.quant.NoisyQuantizer;
import org.noisyquant.runtime.MomentsRunner;
import org.noisyquant.search.SiteDecision;
import org.noisyquant.search.TokenSample;
import org.noisyquant.spark.stage.SiteWeights.SiteKey;
import org.noisyquant.spark.stage.SiteWeights.Variant;
import org.noisyquant.stats.InputMoments;
import org.noisyquant.stats.SiteStatistics.Part;

/**
 * Image passes that take the second moments of every site's input before and after quantization,
 * merge them by site, and quantize its layers with them where they were merged. A pass takes as
 * many sites as the memory of a task allows.
 *
 * @param tapped the model with all sites
 * @param weights what is done with the moments
 * @param tokens which tokens count, and what
 */
record MomentsStage(TappedModel tapped, WeightStage weights, TokenSample tokens)
    implements Serializable {

  /** One row per partition, site and variant. */
  private static final StructType PASS =
      new StructType().add("key", DataTypes.IntegerType).add("moments", DataTypes.BinaryType);

  /**
   * A site and its variants, in one pass.
   *
   * @param position in the plan
   */
  private record Task(
      int position, List<Variant> variants, List<NoisyQuantizer> quantizers, float[] absMax)
      implements Serializable {
    int key(int k) {
      return new SiteKey(position, variants.get(k)).number();
    }
  }

  /**
   * Quantizes the layers of all sites.
   *
   * @param images rows of {@link ImageFile#SCHEMA}
   */
  List<SiteWeights> run(
      Dataset<Row> images, List<SiteDecision> decisions, List<SiteSummary> summaries) {
    JavaSparkContext spark =
        JavaSparkContext.fromSparkContext(images.sparkSession().sparkContext());
    List<SiteWeights> all = new ArrayList<>();
    List<Long> bytes = tapped.sites().stream().map(weights.rules()::bytes).toList();
    for (List<Integer> group : SiteGroups.of(bytes, weights.rules().memory())) {
      TappedModel some = tapped.only(group.stream().map(tapped.sites()::get).toList());
      List<Task> tasks = new ArrayList<>();
      for (int position : group) {
        SiteDecision decision = decisions.get(position);
        List<Variant> variants = variants(decision);
        List<NoisyQuantizer> quantizers =
            variants.stream().map(variant -> variant.of(decision).quantizer()).toList();
        tasks.add(
            new Task(position, variants, quantizers, summaries.get(position).channelAbsMax()));
      }
      all.addAll(pass(images, spark, some, tasks, decisions));
    }
    List<SiteWeights> same =
        all.stream().filter(w -> decisions.get(w.position()).keepsBaseline()).toList();
    same.forEach(w -> all.add(new SiteWeights(w.position(), Variant.BASELINE, w.layers())));
    return all;
  }

  /** Both, or the chosen one for both where they are the same. */
  private static List<Variant> variants(SiteDecision decision) {
    return decision.keepsBaseline() ? List.of(Variant.CHOSEN) : List.of(Variant.values());
  }

  private List<SiteWeights> pass(
      Dataset<Row> images,
      JavaSparkContext spark,
      TappedModel some,
      List<Task> tasks,
      List<SiteDecision> decisions) {
    Broadcast<List<Task>> broadcast = spark.broadcast(tasks);
    Broadcast<List<SiteDecision>> decided = spark.broadcast(new ArrayList<>(decisions));
    WeightStage stage = weights;
    List<SiteWeights> found =
        images
            .mapPartitions(
                (MapPartitionsFunction<Row, Row>) rows -> partition(rows, some, broadcast.value()),
                Encoders.row(PASS))
            .groupByKey((MapFunction<Row, Integer>) row -> row.getInt(0), Encoders.INT())
            .mapGroups(
                (MapGroupsFunction<Integer, Row, SiteWeights>)
                    (number, rows) -> {
                      SiteKey key = SiteKey.of(number);
                      return stage.quantize(
                          key.position(),
                          key.variant(),
                          decided.value().get(key.position()),
                          merge(rows));
                    },
                Encoders.javaSerialization(SiteWeights.class))
            .collectAsList();
    broadcast.destroy();
    decided.destroy();
    return found;
  }

  private static InputMoments merge(Iterator<Row> rows) {
    InputMoments merged = InputMoments.fromBytes(rows.next().getAs("moments"));
    while (rows.hasNext()) {
      merged.merge(InputMoments.fromBytes(rows.next().getAs("moments")));
    }
    return merged;
  }

  private Iterator<Row> partition(Iterator<Row> images, TappedModel some, List<Task> tasks) {
    if (!images.hasNext()) {
      return images;
    }
    try (MomentsRunner.Run products = ExecutorCache.moments().newRun()) {
      PartitionMoments moments = new PartitionMoments(some, tasks, products);
      some.visit(images, (part, digest) -> part == Part.CALIBRATION, moments::add);
      return moments.rows();
    }
  }

  /** Sums of one partition. */
  private final class PartitionMoments {
    private final TappedModel some;
    private final List<Task> tasks;
    private final List<MomentsCollector> sums = new ArrayList<>();
    private float[] chosen = new float[0];

    /**
     * Prepares sums.
     *
     * @param tasks in the order of the sites
     */
    PartitionMoments(TappedModel some, List<Task> tasks, MomentsRunner.Run products) {
      this.some = some;
      this.tasks = tasks;
      for (int tap = 0; tap < tasks.size(); tap++) {
        Task task = tasks.get(tap);
        sums.add(
            new MomentsCollector(
                some.sites().get(tap).site().index(),
                task.quantizers(),
                task.absMax(),
                weights.rules().compensation(),
                products));
      }
    }

    void add(ImageInput.Pixels image, int tap, float[] x, int count) {
      ActivationSite site = some.sites().get(tap).site();
      int channels = site.channels();
      if (x.length > chosen.length) {
        chosen = new float[x.length];
      }
      int special = tokens.special(site.prefixTokens(), count);
      int rows = tokens.choose(image.digest(), site.index(), x, count, channels, special, chosen);
      if (rows > 0) {
        sums.get(tap).add(chosen, rows, special, tokens.specialWeight(count));
      }
    }

    /** The moments of all tokens, serialized one at a time, as Spark asks for them. */
    Iterator<Row> rows() {
      List<Integer> keys = new ArrayList<>();
      List<InputMoments> moments = new ArrayList<>();
      for (int tap = 0; tap < tasks.size(); tap++) {
        List<InputMoments> ofSite = sums.set(tap, null).moments();
        for (int k = 0; k < ofSite.size(); k++) {
          keys.add(tasks.get(tap).key(k));
          moments.add(ofSite.get(k));
        }
      }
      return IntStream.range(0, keys.size())
          .mapToObj(k -> RowFactory.create(keys.get(k), moments.set(k, null).toBytes()))
          .map(Row.class::cast)
          .iterator();
    }
  }
}
