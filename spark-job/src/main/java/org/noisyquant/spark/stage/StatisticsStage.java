package org.noisyquant.spark.stage;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.rdd.PartitionPruningRDD;
import org.apache.spark.rdd.RDD;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.storage.StorageLevel;
import org.noisyquant.error.ErrorCode;
import org.noisyquant.error.NoisyQuantException;
import org.noisyquant.graph.ActivationSite;
import org.noisyquant.stats.SiteStatistics;
import org.noisyquant.stats.SiteStatistics.Part;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import scala.Function1;

/**
 * First pass over the images: statistics of every site, summed per partition, then merged per site
 * by a shuffle into as many partitions as there are sites. Nothing but a short summary of each site
 * and one row per image reaches the driver.
 */
final class StatisticsStage {
  private static final Logger LOG = LoggerFactory.getLogger(StatisticsStage.class);

  /** Schema of the images: one row per image that was read or refused. */
  static final StructType IMAGES =
      new StructType()
          .add("name", DataTypes.StringType)
          .add("digest", DataTypes.StringType)
          .add("part", DataTypes.StringType)
          .add("reason", DataTypes.StringType);

  /** Partitions that are taken together and kept, in units of what runs at a time. */
  private static final int WAVES = 8;

  /** Schema of the merged statistics: one row per site. */
  static final StructType MERGED =
      new StructType().add("site", DataTypes.IntegerType).add("statistics", DataTypes.BinaryType);

  private StatisticsStage() {}

  /**
   * Statistics of all images, a group of partitions at a time where there are many: a finished
   * group is kept for a run that has to go on from there.
   *
   * @param images rows of {@link ImageFile#SCHEMA}
   * @param memory most bytes of histograms that a task holds; where the sites need more, groups of
   *     them take a pass each
   * @param key all that statistics depend on beside the images' contents
   */
  static StatisticsResult run(
      Dataset<Row> images, TappedModel model, long memory, Checkpoints checkpoints, String key) {
    SparkSession spark = images.sparkSession();
    int atOnce = WAVES * Math.max(1, spark.sparkContext().defaultParallelism());
    int partitions = checkpoints.keep() ? images.rdd().getNumPartitions() : 1;
    int groups = (partitions + atOnce - 1) / atOnce;
    if (groups < 2) {
      return checkpoints.statistics(
          spark, "statistics", key, model.sites(), () -> run(images, model, memory));
    }
    List<StatisticsResult> parts = new ArrayList<>();
    for (int i = 0; i < groups; i++) {
      int group = i;
      parts.add(
          checkpoints.statistics(
              spark,
              "statistics-" + (i + 1) + "-of-" + groups,
              key + "\n" + partitions,
              model.sites(),
              () -> run(group(images, group, groups), model, memory)));
      LOG.info("statistics of {} of {} groups of partitions", i + 1, groups);
    }
    return StatisticsResult.sum(parts, model.sites());
  }

  /** Every n-th partition. */
  private static Dataset<Row> group(Dataset<Row> images, int group, int groups) {
    RDD<Row> some =
        PartitionPruningRDD.create(
            images.rdd(),
            (Serializable & Function1<Object, Object>) i -> (int) i % groups == group);
    return images.sparkSession().createDataFrame(some, ImageFile.SCHEMA);
  }

  private static StatisticsResult run(Dataset<Row> images, TappedModel model, long memory) {
    SparkSession spark = images.sparkSession();
    List<TappedModel> groups = groups(model, memory);
    // The first pass also lists the images.
    JavaRDD<Row> pass = pass(images, groups.get(0), true);
    for (TappedModel group : groups.subList(1, groups.size())) {
      pass = pass.union(pass(images, group, false));
    }
    pass.persist(StorageLevel.DISK_ONLY());
    JavaRDD<Row> imageRows = pass.filter(row -> row.size() == IMAGES.size());
    JavaRDD<Row> merged =
        SiteMerge.of(
            pass.filter(row -> row.size() == MERGED.size()), SitePlan.indices(model.sites()));
    merged.persist(StorageLevel.DISK_ONLY());
    return new StatisticsResult(
        spark.createDataFrame(imageRows, IMAGES),
        spark.createDataFrame(merged, MERGED),
        List.of(pass, merged));
  }

  /** The model with a part of its sites each. */
  private static List<TappedModel> groups(TappedModel model, long memory) {
    List<Long> bytes =
        model.sites().stream()
            .map(plan -> bytes(plan.site(), model.input().heldOutFraction() > 0))
            .toList();
    return SiteGroups.of(bytes, memory).stream()
        .map(group -> model.only(group.stream().map(model.sites()::get).toList()))
        .toList();
  }

  /** Histograms of one site in a task that has seen images of every part. */
  static long bytes(ActivationSite site, boolean heldOut) {
    return SiteStatistics.bytes(site.channels(), site.prefixTokens(), heldOut);
  }

  /** Rows of {@link #IMAGES}, if it lists them, and of {@link #MERGED}, one per site. */
  private static JavaRDD<Row> pass(Dataset<Row> images, TappedModel group, boolean lists) {
    return images.javaRDD().mapPartitions(rows -> partition(rows, group, lists));
  }

  private static Iterator<Row> partition(Iterator<Row> images, TappedModel model, boolean lists) {
    if (!images.hasNext()) {
      return images;
    }
    List<SiteStatistics> statistics = new ArrayList<>();
    for (SitePlan plan : model.sites()) {
      ActivationSite site = plan.site();
      statistics.add(SiteStatistics.empty(site.index(), site.channels(), site.prefixTokens()));
    }
    List<Row> imageRows = new ArrayList<>();
    ImageInput.Reader reader = model.input().newReader();
    try (TappedModel.Activations activations = model.open()) {
      while (images.hasNext()) {
        Row row = update(statistics, ImageFile.of(images.next()), model, reader, activations);
        if (lists) {
          imageRows.add(row);
        }
      }
    }
    // Sites serialize one at a time, as Spark asks for them.
    Stream<Row> siteRows =
        IntStream.range(0, statistics.size()).mapToObj(i -> siteRow(statistics.set(i, null)));
    return Stream.concat(imageRows.stream(), siteRows).iterator();
  }

  private static Row update(
      List<SiteStatistics> statistics,
      ImageFile image,
      TappedModel model,
      ImageInput.Reader reader,
      TappedModel.Activations activations) {
    ImageInput.Pixels pixels;
    try {
      pixels = reader.read(image);
    } catch (NoisyQuantException e) {
      if (e.code() != ErrorCode.IMAGE_UNREADABLE) {
        throw e;
      }
      return RowFactory.create(image.name(), null, null, e.getMessage());
    }
    activations.visit(
        pixels.values(),
        (position, x, tokens) -> {
          try {
            statistics.get(position).update(pixels.part(), x, tokens);
          } catch (NoisyQuantException e) {
            throw new NoisyQuantException(
                e.code(),
                "image "
                    + pixels.name()
                    + ", site "
                    + model.sites().get(position).site().name()
                    + ": "
                    + e.getMessage()
                    + "; check that the FP32 model gives finite values for this image");
          }
        });
    return RowFactory.create(pixels.name(), pixels.digest(), pixels.part().name(), null);
  }

  private static Row siteRow(SiteStatistics statistics) {
    return RowFactory.create(statistics.site(), statistics.toBytes());
  }

  /** What the driver needs to know of one site: largest magnitudes, and how many images. */
  static SiteSummary summary(Row row) {
    SiteStatistics s = SiteStatistics.fromBytes(row.getAs("statistics"));
    float absMax = 0f;
    float[] bounds = new float[s.channels()];
    for (int c = 0; c < bounds.length; c++) {
      absMax = Math.max(absMax, s.absMax(Part.CALIBRATION, c));
      bounds[c] = Math.max(s.absMax(Part.CALIBRATION, c), s.absMax(Part.HELD_OUT, c));
    }
    long tokens = 0;
    for (Part part : Part.values()) {
      for (SiteStatistics.TokenGroup group : SiteStatistics.TokenGroup.values()) {
        tokens += s.histograms(part, group).tokens();
      }
    }
    return new SiteSummary(s.site(), absMax, bounds, tokens);
  }
}
