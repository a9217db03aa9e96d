package org.noisyquant.spark.stage;

import java.util.List;
import org.noisyquant.onnx.OnnxModel;
import org.noisyquant.runtime.MatMulRunner;
import org.noisyquant.search.SiteObjective;

/** The objectives of all sites, made once per executor from the FP32 model's weights. */
final class ExecutorObjectives implements AutoCloseable {
  private final List<SiteObjective> objectives;

  private ExecutorObjectives(List<SiteObjective> objectives) {
    this.objectives = objectives;
  }

  static ExecutorObjectives of(
      ShippedModel fp32, List<SitePlan> sites, LossWeights weights, MatMulRunner products) {
    StringBuilder key = new StringBuilder("objectives ").append(fp32.file()).append(weights);
    for (SitePlan plan : sites) {
      key.append(' ').append(plan.site().index()).append(':').append(plan.weightBits());
    }
    return ExecutorCache.get(
        key.toString(),
        ExecutorObjectives.class,
        () -> new ExecutorObjectives(make(fp32, sites, weights, products)));
  }

  /** The objective of the site at a position of the plan. */
  SiteObjective get(int position) {
    return objectives.get(position);
  }

  @Override
  public void close() {
    objectives.forEach(SiteObjective::close);
  }

  private static List<SiteObjective> make(
      ShippedModel fp32, List<SitePlan> sites, LossWeights weights, MatMulRunner products) {
    OnnxModel model = ExecutorModel.of(fp32);
    return sites.stream().map(plan -> SiteObjective.of(products, weights.of(plan, model))).toList();
  }
}
