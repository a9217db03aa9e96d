package org.noisyquant.evaluate;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.IntToDoubleFunction;
import org.noisyquant.error.ErrorCode;
import org.noisyquant.error.NoisyQuantException;

/** Turns sums into estimates. A statistic is a function of the replicate; NaN where undefined. */
final class ResultEstimator {
  private final EvaluationSums sums;

  private ResultEstimator(EvaluationSums sums) {
    this.sums = sums;
  }

  static EvaluationResult estimate(EvaluationSums sums) {
    if (sums.images.get(0) == 0) {
      throw new NoisyQuantException(
          ErrorCode.NO_IMAGES,
          String.format(
              "models %s and %s were evaluated on no image; give at least one",
              sums.reference(), sums.compared()));
    }
    return new ResultEstimator(sums).result();
  }

  private EvaluationResult result() {
    List<Statistics> statistics = sums.models.stream().map(this::statisticsOf).toList();
    List<ModelScore> scores = new ArrayList<>();
    List<PairedDifference> differences = new ArrayList<>();
    for (int m = 0; m < statistics.size(); m++) {
      String model = sums.compared().get(m);
      scores.add(score(model, statistics.get(m)));
      if (m > 0) {
        differences.add(difference(model, statistics.get(m), statistics.get(0)));
      }
    }
    return new EvaluationResult(
        sums.images.get(0),
        sums.labelled.get(0),
        sums.replicates(),
        sums.reference(),
        accuracy(labelledFraction(sums.top1), labelledFraction(sums.top5)),
        confidence(),
        scores,
        differences);
  }

  /** The statistics of one compared model. */
  private record Statistics(
      IntToDoubleFunction top1,
      IntToDoubleFunction top5,
      IntToDoubleFunction agreement,
      IntToDoubleFunction kl,
      IntToDoubleFunction sqnrDb) {}

  private Statistics statisticsOf(ModelSums model) {
    WeightedCounts images = sums.images;
    return new Statistics(
        labelledFraction(model.top1),
        labelledFraction(model.top5),
        r -> (double) model.agreement.get(r) / images.get(r),
        r -> model.kl.get(r) / images.get(r),
        r ->
            images.get(r) == 0
                ? Double.NaN
                : sqnrDb(sums.signal.get(r), model.squaredError.get(r)));
  }

  private ModelScore score(String model, Statistics own) {
    return new ModelScore(
        model,
        accuracy(own.top1(), own.top5()),
        estimate(own.agreement()),
        estimate(own.kl()),
        estimate(own.sqnrDb()));
  }

  private PairedDifference difference(String model, Statistics own, Statistics baseline) {
    return new PairedDifference(
        model,
        sums.compared().get(0),
        accuracy(minus(own.top1(), baseline.top1()), minus(own.top5(), baseline.top5())),
        estimate(minus(own.agreement(), baseline.agreement())),
        estimate(minus(own.kl(), baseline.kl())),
        estimate(minus(own.sqnrDb(), baseline.sqnrDb())),
        estimate(r -> gain(own.kl().applyAsDouble(r), baseline.kl().applyAsDouble(r))));
  }

  private Optional<Accuracy> accuracy(IntToDoubleFunction top1, IntToDoubleFunction top5) {
    return sums.labelled.get(0) == 0
        ? Optional.empty()
        : Optional.of(new Accuracy(estimate(top1), estimate(top5)));
  }

  private Optional<Estimate> confidence() {
    return sums.labelled.get(0) == 0
        ? Optional.empty()
        : Optional.of(estimate(r -> sums.confidence.get(r) / sums.labelled.get(r)));
  }

  private Estimate estimate(IntToDoubleFunction statistic) {
    return Estimate.of(statistic, sums.replicates());
  }

  private IntToDoubleFunction labelledFraction(WeightedCounts counts) {
    return r -> (double) counts.get(r) / sums.labelled.get(r);
  }

  private static IntToDoubleFunction minus(IntToDoubleFunction a, IntToDoubleFunction b) {
    return r -> {
      double first = a.applyAsDouble(r);
      double second = b.applyAsDouble(r);
      return first == second ? 0 : first - second; // also where both are infinite
    };
  }

  private static double gain(double kl, double baseline) {
    return kl == baseline ? 0 : 1 - kl / baseline; // also where both are zero
  }

  private static double sqnrDb(double signal, double error) {
    return error == 0 ? Double.POSITIVE_INFINITY : 10 * StrictMath.log10(signal / error);
  }
}
