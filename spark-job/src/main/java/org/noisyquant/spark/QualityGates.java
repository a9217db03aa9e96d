package org.noisyquant.spark;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.SortedMap;
import org.noisyquant.error.ErrorCode;
import org.noisyquant.error.NoisyQuantException;
import org.noisyquant.spark.io.Metrics;

/** Checks the metrics of a run against the keys of {@code gates}. */
final class QualityGates {
  private static final String BASELINE = "baseline";
  private static final String KL = ".kl";
  private static final String TOP1 = ".top1";
  private static final String DRIFT = "drift.range";

  private final JobConfig.Gates gates;
  private final SortedMap<String, Optional<Object>> metrics;
  private final List<String> failures = new ArrayList<>();

  private QualityGates(JobConfig.Gates gates, Metrics metrics) {
    this.gates = gates;
    this.metrics = metrics.values();
  }

  /**
   * Refuses gates that cannot be checked, before anything is computed.
   *
   * @throws NoisyQuantException MISSING_VALUE for a gate on accuracy without labels
   */
  static void checkLabels(JobConfig.Gates gates, boolean labelled) {
    Map<JobKey, OptionalDouble> needLabels =
        Map.of(
            JobKey.GATE_MIN_TOP1, gates.minTop1(), JobKey.GATE_MAX_TOP1_DROP, gates.maxTop1Drop());
    needLabels.forEach(
        (key, gate) -> {
          if (gate.isPresent() && !labelled) {
            throw new NoisyQuantException(
                ErrorCode.MISSING_VALUE,
                key
                    + " is "
                    + gate.getAsDouble()
                    + ", but the images to evaluate on have no labels: give "
                    + JobKey.EVALUATION_LABELS
                    + ", or put labels.csv into their folder");
          }
        });
  }

  /**
   * Refuses gates that a calibration cannot check, before anything is computed.
   *
   * @param evaluates whether there is anything to evaluate on
   * @throws NoisyQuantException MISSING_VALUE
   */
  static void checkInputs(JobConfig config, boolean evaluates, boolean labelled) {
    JobConfig.Gates gates = config.gates();
    if (gates.needEvaluation() && !evaluates) {
      throw new NoisyQuantException(
          ErrorCode.MISSING_VALUE,
          "gates are set, but there are no images to check them on: give "
              + JobKey.EVALUATION_PATH);
    }
    boolean compared =
        config.statistics().reference().isPresent()
            || (config.statistics().path().isPresent() && !config.images().path().isEmpty());
    if (gates.maxRangeDrift().isPresent() && !compared) {
      throw new NoisyQuantException(
          ErrorCode.MISSING_VALUE,
          JobKey.GATE_MAX_RANGE_DRIFT
              + " is "
              + gates.maxRangeDrift().getAsDouble()
              + ", but there are no earlier statistics to compare with: give "
              + JobKey.STATISTICS_REFERENCE);
    }
    checkLabels(gates, labelled);
  }

  /**
   * Checks every evaluated model but the baseline, and notes the outcome as {@code gates.passed}.
   *
   * @return GATE_FAILED, naming each gate that failed; empty if all are passed or none is set
   */
  static Optional<NoisyQuantException> check(JobConfig.Gates gates, Metrics metrics) {
    QualityGates check = new QualityGates(gates, metrics);
    check.run();
    metrics.put("gates.passed", check.failures.isEmpty());
    return check.failures.isEmpty()
        ? Optional.empty()
        : Optional.of(
            new NoisyQuantException(
                ErrorCode.GATE_FAILED,
                String.join("; ", check.failures) + ". The results are in the output folder"));
  }

  private void run() {
    atMost(JobKey.GATE_MAX_RANGE_DRIFT, gates.maxRangeDrift(), DRIFT, value(DRIFT));
    if (!gates.needEvaluation()) {
      return;
    }
    List<String> models = models();
    if (models.isEmpty()) {
      failures.add("nothing was evaluated that gates could be checked on");
    }
    for (String model : models) {
      atMost(JobKey.GATE_MAX_KL, gates.maxKl(), model + KL, value(model + KL));
      atLeast(JobKey.GATE_MIN_TOP1, gates.minTop1(), model + TOP1, value(model + TOP1));
      atMost(
          JobKey.GATE_MAX_TOP1_DROP,
          gates.maxTop1Drop(),
          "fp32.top1 - " + model + TOP1,
          value("fp32" + TOP1) - value(model + TOP1));
    }
  }

  private List<String> models() {
    List<String> models =
        metrics.keySet().stream()
            .filter(name -> name.endsWith(KL))
            .map(name -> name.substring(0, name.length() - KL.length()))
            .toList();
    return models.size() == 1
        ? models
        : models.stream().filter(model -> !model.equals(BASELINE)).toList();
  }

  /** NaN where it is not known, which passes no gate. */
  private double value(String metric) {
    return metrics
        .getOrDefault(metric, Optional.empty())
        .map(Double.class::cast)
        .orElse(Double.NaN);
  }

  private void atMost(JobKey key, OptionalDouble gate, String what, double value) {
    if (gate.isPresent() && !(value <= gate.getAsDouble())) {
      failures.add(what + " is " + value + ", above " + key + " = " + gate.getAsDouble());
    }
  }

  private void atLeast(JobKey key, OptionalDouble gate, String what, double value) {
    if (gate.isPresent() && !(value >= gate.getAsDouble())) {
      failures.add(what + " is " + value + ", below " + key + " = " + gate.getAsDouble());
    }
  }
}
