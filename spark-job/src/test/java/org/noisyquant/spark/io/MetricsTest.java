package org.noisyquant.spark.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

class MetricsTest {
  private final Metrics metrics = new Metrics();

  @Test
  void jsonIsFlatAndSortedByName() {
    metrics.put("status", "succeeded");
    metrics.put("noisyquant.top1", 0.75);
    metrics.put("images.used", 128L);
    metrics.put("gates.passed", true);
    assertThat(new String(metrics.toJson(), StandardCharsets.UTF_8))
        .isEqualTo(
            """
            {
              "gates.passed" : true,
              "images.used" : 128,
              "noisyquant.top1" : 0.75,
              "status" : "succeeded"
            }
            """);
  }

  @Test
  void whatJsonCannotSayIsNull() {
    metrics.put("a.sqnrDb", Double.POSITIVE_INFINITY);
    metrics.put("b.kl", Double.NaN);
    assertThat(new String(metrics.toJson(), StandardCharsets.UTF_8))
        .isEqualTo("{\n  \"a.sqnrDb\" : null,\n  \"b.kl\" : null\n}\n");
  }

  @Test
  void aLaterValueReplacesAnEarlierOne() {
    metrics.put("status", "failed");
    metrics.put("status", "succeeded");
    assertThat(metrics.values()).hasSize(1);
    assertThat(metrics.values().get("status")).contains("succeeded");
  }

  @Test
  void aNameIsWordsJoinedByDots() {
    assertThatThrownBy(() -> metrics.put("top 1", 1L))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("top 1");
    assertThatThrownBy(() -> metrics.put(".top1", 1L)).isInstanceOf(IllegalArgumentException.class);
  }
}
