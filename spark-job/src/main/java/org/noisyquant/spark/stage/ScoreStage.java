package org.noisyquant.spark.stage;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.sum;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.api.java.function.MapPartitionsFunction;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.ml.linalg.SQLDataTypes;
import org.apache.spark.ml.linalg.Vector;
import org.apache.spark.ml.linalg.Vectors;
import org.apache.spark.ml.stat.Summarizer;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;
import org.noisyquant.graph.ActivationSite;
import org.noisyquant.runtime.MatMulRunner;
import org.noisyquant.search.CandidateLoss;
import org.noisyquant.search.CandidateScorer;
import org.noisyquant.search.Objective;
import org.noisyquant.search.SiteObjective;
import org.noisyquant.search.TokenSample;
import org.noisyquant.stats.SiteStatistics.Part;
import org.noisyquant.stats.SumGrid;

/**
 * One pass over the images that scores candidates of all sites exactly. Each image's losses are
 * rounded to the site's grid, so that their sums (MLlib's Summarizer, normL1 with weight 1) are
 * exact in any order: the result does not depend on the partitioning.
 *
 * @param fp32 the model with the weights
 * @param model the tapped model
 * @param objective where the error is measured
 * @param images which images are looked at
 * @param tokens which tokens of them are scored
 */
record ScoreStage(
    ShippedModel fp32,
    TappedModel model,
    LossWeights objective,
    ImageSample images,
    TokenSample tokens)
    implements Serializable {

  /** On which weighted numbers of tokens are rounded: sums up to 2^40 are exact. */
  private static final SumGrid TOKEN_GRID = SumGrid.forSumsUpTo(0x1p40);

  /** In place of a site: the row that says which images a partition has seen. */
  private static final int CONTENTS = -1;

  private static final StructType SUMS =
      new StructType()
          .add("site", DataTypes.IntegerType)
          .add("part", DataTypes.StringType)
          .add("tokens", DataTypes.DoubleType)
          .add("losses", SQLDataTypes.VectorType());

  /**
   * What a pass gives.
   *
   * @param losses the mean squared errors of each site's candidates, in order
   * @param contents the images that were looked at
   */
  record Scores(List<List<CandidateLoss>> losses, ContentSum contents) {}

  /**
   * Scores candidates.
   *
   * @param all rows of {@link ImageFile#SCHEMA}, from which the sample is taken
   * @param trials what to score, one per site of the model
   */
  Scores run(Dataset<Row> all, List<SiteTrial> trials) {
    JavaSparkContext spark = JavaSparkContext.fromSparkContext(all.sparkSession().sparkContext());
    Broadcast<List<SiteTrial>> broadcast = spark.broadcast(new ArrayList<>(trials));
    List<Row> rows =
        all.mapPartitions(
                (MapPartitionsFunction<Row, Row>) part -> partition(part, broadcast.value()),
                Encoders.row(SUMS))
            .groupBy("site", "part")
            .agg(sum("tokens").as("tokens"), Summarizer.normL1(col("losses")).as("losses"))
            .collectAsList();
    broadcast.destroy();
    ContentSum contents = ContentSum.NONE;
    List<Row> siteRows = new ArrayList<>();
    for (Row row : rows) {
      if (row.<Integer>getAs("site") == CONTENTS) {
        contents = contents.plus(ContentSum.ofSummands(row.<Vector>getAs("losses").toArray()));
      } else {
        siteRows.add(row);
      }
    }
    return new Scores(scored(siteRows, trials), contents);
  }

  private Iterator<Row> partition(Iterator<Row> rows, List<SiteTrial> trials) {
    if (!rows.hasNext()) {
      return rows;
    }
    MatMulRunner products = ExecutorCache.products();
    ExecutorObjectives objectives = ExecutorObjectives.of(fp32, model.sites(), objective, products);
    try (CandidateScorer scorer = new CandidateScorer(products)) {
      PartitionScores scores = new PartitionScores(trials, objectives, scorer);
      model.visit(rows, images::has, scores::add);
      return scores.rows();
    }
  }

  private List<List<CandidateLoss>> scored(List<Row> rows, List<SiteTrial> trials) {
    List<Map<Part, Row>> bySite = new ArrayList<>();
    model.sites().forEach(plan -> bySite.add(new EnumMap<>(Part.class)));
    for (Row row : rows) {
      bySite.get(row.getAs("site")).put(Part.valueOf(row.getAs("part")), row);
    }
    List<List<CandidateLoss>> scored = new ArrayList<>();
    for (int i = 0; i < trials.size(); i++) {
      Map<Part, Row> parts = bySite.get(i);
      SitePlan plan = model.sites().get(i);
      int width =
          objective.objective() == Objective.INPUT ? plan.site().channels() : plan.site().outputs();
      double[] losses = means(parts.get(Part.CALIBRATION), trials.get(i), width);
      double[] heldOut = means(parts.get(Part.HELD_OUT), trials.get(i), width);
      List<CandidateLoss> site = new ArrayList<>();
      for (int k = 0; k < losses.length; k++) {
        site.add(new CandidateLoss(losses[k], heldOut[k]));
      }
      scored.add(site);
    }
    return scored;
  }

  /** Mean squared errors; NaN where no token was scored. */
  private static double[] means(Row row, SiteTrial trial, int width) {
    double[] means = new double[trial.quantizers().size()];
    Arrays.fill(means, Double.NaN);
    if (row != null) {
      double tokens = row.getAs("tokens");
      Vector sums = row.getAs("losses");
      for (int k = 0; k < means.length && tokens > 0; k++) {
        means[k] = sums.apply(k) / (tokens * width);
      }
    }
    return means;
  }

  /** Sums of one partition. */
  private final class PartitionScores {
    private final List<SiteTrial> trials;
    private final ExecutorObjectives objectives;
    private final CandidateScorer scorer;
    private final List<Map<Part, double[]>> sums = new ArrayList<>();
    private final List<Map<Part, double[]>> counts = new ArrayList<>();
    private ContentSum contents = ContentSum.NONE;
    private float[] chosen = new float[0];

    PartitionScores(List<SiteTrial> trials, ExecutorObjectives objectives, CandidateScorer scorer) {
      this.trials = trials;
      this.objectives = objectives;
      this.scorer = scorer;
      for (int i = 0; i < trials.size(); i++) {
        sums.add(new EnumMap<>(Part.class));
        counts.add(new EnumMap<>(Part.class));
      }
    }

    void add(ImageInput.Pixels image, int position, float[] x, int count) {
      if (position == 0) {
        contents = contents.plus(image.digest());
      }
      SiteTrial trial = trials.get(position);
      SiteObjective siteObjective = objectives.get(position);
      int channels = siteObjective.channels();
      if (x.length > chosen.length) {
        chosen = new float[x.length];
      }
      ActivationSite site = model.sites().get(position).site();
      int special = tokens.special(site.prefixTokens(), count);
      double weight = tokens.specialWeight(count);
      int rows = tokens.choose(image.digest(), site.index(), x, count, channels, special, chosen);
      double[] losses = new double[trial.quantizers().size()];
      scorer.score(siteObjective, trial.quantizers(), chosen, rows, special, weight, losses);
      double[] sum =
          sums.get(position).computeIfAbsent(image.part(), p -> new double[losses.length]);
      for (int k = 0; k < losses.length; k++) {
        sum[k] += trial.grid().round(losses[k]);
      }
      counts.get(position).computeIfAbsent(image.part(), p -> new double[1])[0] +=
          TOKEN_GRID.round(special * weight + (rows - special));
    }

    Iterator<Row> rows() {
      List<Row> rows = new ArrayList<>();
      rows.add(
          RowFactory.create(
              CONTENTS, Part.CALIBRATION.name(), 0.0, Vectors.dense(contents.toSummands())));
      for (int i = 0; i < sums.size(); i++) {
        for (Map.Entry<Part, double[]> entry : sums.get(i).entrySet()) {
          Part part = entry.getKey();
          rows.add(
              RowFactory.create(
                  i, part.name(), counts.get(i).get(part)[0], Vectors.dense(entry.getValue())));
        }
      }
      return rows.iterator();
    }
  }
}
