package org.noisyquant.spark.stage;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.function.Function;
import org.apache.spark.sql.Row;
import org.noisyquant.onnx.OnnxModel;
import org.noisyquant.quant.NoisyBias;
import org.noisyquant.quant.NoisyQuantizer;
import org.noisyquant.search.CandidateLoss;
import org.noisyquant.search.CostModel;
import org.noisyquant.search.SiteShortlist;
import org.noisyquant.search.SiteSolver;
import org.noisyquant.stats.SiteStatistics;
import org.noisyquant.stats.SiteStatistics.Part;

/**
 * Solves every site on its statistics, on the executors: one task per site, of which only the short
 * list reaches the driver.
 *
 * @param fp32 the model with the weights
 * @param sites what is quantized
 * @param rescalable for each of them, whether the network absorbs a channel rescale
 * @param search how
 * @param weights what errors are multiplied with
 * @param weightErrorShare of the error of rounding weights to nearest, what their rounding leaves
 * @param seed of uniform noise
 */
record SolveStage(
    ShippedModel fp32,
    List<SitePlan> sites,
    List<Boolean> rescalable,
    SearchSettings search,
    LossWeights weights,
    double weightErrorShare,
    long seed)
    implements Serializable {

  /**
   * A short list with what the statistics predict of it.
   *
   * @param losses of min-max and then of the choices, in order
   */
  record Predicted(SiteShortlist list, List<CandidateLoss> losses) implements Serializable {}

  /** The short lists, in the order of the sites. */
  List<SiteShortlist> run(StatisticsResult statistics) {
    List<SiteShortlist> lists =
        bySite(statistics)
            .map((Function<Row, SiteShortlist>) row -> solve(statistics(row)))
            .collect();
    return lists.stream().sorted(Comparator.comparingInt(SiteShortlist::site)).toList();
  }

  /** A partition for each site; those just merged have one. */
  private JavaRDD<Row> bySite(StatisticsResult statistics) {
    JavaRDD<Row> rows = statistics.sites().javaRDD();
    return rows.getNumPartitions() == sites.size() ? rows : rows.repartition(sites.size());
  }

  /** The same with predicted losses on both parts, in place of those that images would give. */
  List<Predicted> predict(StatisticsResult statistics) {
    return bySite(statistics)
        .map((Function<Row, Predicted>) row -> predict(statistics(row)))
        .collect()
        .stream()
        .sorted(Comparator.comparingInt(predicted -> predicted.list().site()))
        .toList();
  }

  /** The same sites, with other settings of the search. */
  SolveStage with(SearchSettings other) {
    return new SolveStage(fp32, sites, rescalable, other, weights, weightErrorShare, seed);
  }

  private static SiteStatistics statistics(Row row) {
    return SiteStatistics.fromBytes(row.getAs("statistics"));
  }

  private int position(SiteStatistics statistics) {
    return IntStream.range(0, sites.size())
        .filter(i -> sites.get(i).site().index() == statistics.site())
        .findFirst()
        .orElseThrow();
  }

  private CostModel cost(SiteStatistics statistics, Part part) {
    SitePlan plan = sites.get(position(statistics));
    return new CostModel(
        plan.activationBits(),
        statistics,
        part,
        search.prefixWeight(),
        weights.of(plan, ExecutorModel.of(fp32)),
        search.biasCorrection());
  }

  private Predicted predict(SiteStatistics statistics) {
    SiteShortlist list = solve(statistics);
    List<NoisyQuantizer> quantizers = new ArrayList<>();
    quantizers.add(list.minMax().quantizer());
    list.choices().forEach(choice -> quantizers.add(choice.quantizer()));
    double[] heldOut = new double[quantizers.size()];
    Arrays.fill(heldOut, Double.NaN);
    if (statistics.images(Part.HELD_OUT) > 0) {
      heldOut = cost(statistics, Part.HELD_OUT).lossesAsTheyAre(quantizers);
    }
    return new Predicted(list, list.predicted(heldOut));
  }

  private SiteShortlist solve(SiteStatistics statistics) {
    int position = position(statistics);
    SitePlan plan = sites.get(position);
    OnnxModel model = ExecutorModel.of(fp32);
    List<float[]> layers = new ArrayList<>();
    plan.site().layers().forEach(layer -> layers.add(model.weight(layer)));
    float[] absMax = new float[statistics.channels()];
    for (int c = 0; c < absMax.length; c++) {
      absMax[c] = statistics.absMax(Part.CALIBRATION, c);
    }
    return SiteSolver.solve(
        new SiteSolver.Problem(
            statistics.site(),
            search.noise(),
            NoisyBias.unit(seed, statistics.site(), statistics.channels()),
            search.grid(),
            absMax,
            layers,
            plan.weightBits(),
            weightErrorShare,
            search.channelRescale() && rescalable.get(position)),
        cost(statistics, Part.CALIBRATION));
  }
}
