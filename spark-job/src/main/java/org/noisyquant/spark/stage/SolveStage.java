package org.noisyquant.spark.stage;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;
import org.apache.spark.api.java.function.Function;
import org.apache.spark.sql.Row;
import org.noisyquant.onnx.OnnxModel;
import org.noisyquant.quant.NoisyBias;
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

  /** The short lists, in the order of the sites. */
  List<SiteShortlist> run(StatisticsResult statistics) {
    List<SiteShortlist> lists =
        statistics
            .sites()
            .javaRDD()
            .repartition(sites.size())
            .map((Function<Row, SiteShortlist>) this::solve)
            .collect();
    return lists.stream().sorted(Comparator.comparingInt(SiteShortlist::site)).toList();
  }

  private SiteShortlist solve(Row row) {
    SiteStatistics statistics = SiteStatistics.fromBytes(row.getAs("statistics"));
    int position =
        IntStream.range(0, sites.size())
            .filter(i -> sites.get(i).site().index() == statistics.site())
            .findFirst()
            .orElseThrow();
    SitePlan plan = sites.get(position);
    OnnxModel model = ExecutorModel.of(fp32);
    List<float[]> layers = new ArrayList<>();
    plan.site().layers().forEach(layer -> layers.add(model.weight(layer)));
    float[] absMax = new float[statistics.channels()];
    for (int c = 0; c < absMax.length; c++) {
      absMax[c] = statistics.absMax(Part.CALIBRATION, c);
    }
    CostModel cost =
        new CostModel(
            plan.activationBits(),
            statistics,
            Part.CALIBRATION,
            search.prefixWeight(),
            weights.of(plan, model),
            search.biasCorrection());
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
        cost);
  }
}
