package org.noisyquant.spark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.noisyquant.error.ErrorCode;
import org.noisyquant.error.NoisyQuantException;
import org.noisyquant.spark.io.Metrics;

class QualityGatesTest {
  private final Metrics metrics = new Metrics();

  private static JobConfig.Gates gates(Map<String, ?> keys) {
    return JobConfig.of(keys).gates();
  }

  private void measured(double baselineKl, double kl, double fp32Top1, double top1) {
    metrics.put("baseline.kl", baselineKl);
    metrics.put("noisyquant.kl", kl);
    metrics.put("fp32.top1", fp32Top1);
    metrics.put("noisyquant.top1", top1);
  }

  @Test
  void withoutGatesEverythingPasses() {
    assertThat(QualityGates.check(gates(Map.of()), metrics)).isEmpty();
    assertThat(metrics.values()).containsEntry("gates.passed", Optional.of(true));
  }

  @Test
  void aValueOnTheGatePasses() {
    measured(0.5, 0.25, 0.75, 0.5);
    Map<String, ?> keys =
        Map.of("gates.maxKl", 0.25, "gates.minTop1", "0.5", "gates.maxTop1Drop", 0.25);

    assertThat(QualityGates.check(gates(keys), metrics)).isEmpty();
  }

  @Test
  void everyGateThatFailsIsNamed() {
    measured(0.1, 0.3, 0.75, 0.5);
    Map<String, ?> keys =
        Map.of("gates.maxKl", 0.25, "gates.minTop1", 0.6, "gates.maxTop1Drop", 0.125);

    NoisyQuantException failed = QualityGates.check(gates(keys), metrics).orElseThrow();

    assertThat(failed.code()).isEqualTo(ErrorCode.GATE_FAILED);
    assertThat(failed.getMessage())
        .contains("noisyquant.kl is 0.3, above gates.maxKl = 0.25")
        .contains("noisyquant.top1 is 0.5, below gates.minTop1 = 0.6")
        .contains("fp32.top1 - noisyquant.top1 is 0.25, above gates.maxTop1Drop = 0.125");
    assertThat(metrics.values()).containsEntry("gates.passed", Optional.of(false));
  }

  @Test
  void theBaselineMayBeWorse() {
    measured(0.9, 0.1, 0.75, 0.75);

    assertThat(QualityGates.check(gates(Map.of("gates.maxKl", 0.2)), metrics)).isEmpty();
  }

  @Test
  void aModelThatIsEvaluatedAloneIsCheckedWhateverItsName() {
    metrics.put("baseline.kl", 0.9);

    assertThat(QualityGates.check(gates(Map.of("gates.maxKl", 0.2)), metrics)).isPresent();
  }

  @Test
  void whatWasNotMeasuredDoesNotPass() {
    assertThat(QualityGates.check(gates(Map.of("gates.maxKl", 0.2)), metrics)).isPresent();
    metrics.put("noisyquant.kl", Double.NaN);
    assertThat(QualityGates.check(gates(Map.of("gates.maxKl", 0.2)), metrics)).isPresent();
  }

  @Test
  void accuracyNeedsLabels() {
    JobConfig.Gates gates = gates(Map.of("gates.minTop1", 0.7));

    assertThatCode(() -> QualityGates.checkLabels(gates, true)).doesNotThrowAnyException();
    assertThatThrownBy(() -> QualityGates.checkLabels(gates, false))
        .hasMessageContaining("gates.minTop1 is 0.7")
        .hasMessageContaining("--labels")
        .extracting(e -> ((NoisyQuantException) e).code())
        .isEqualTo(ErrorCode.MISSING_VALUE);
  }
}
