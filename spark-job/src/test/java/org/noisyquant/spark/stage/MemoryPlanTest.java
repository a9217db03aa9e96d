package org.noisyquant.spark.stage;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.noisyquant.graph.ActivationSite;
import org.noisyquant.graph.ActivationSite.Role;
import org.noisyquant.graph.LinearLayer;
import org.noisyquant.graph.ModelGraph;
import org.noisyquant.quant.WeightRounding;

class MemoryPlanTest {
  private static final int CHANNELS = 768;
  private static final int TOKENS = 197;
  private static final long FILE = 100L << 20;

  private static ActivationSite site(int index, int prefix) {
    LinearLayer layer = new LinearLayer("layer" + index, index, CHANNELS, CHANNELS, true);
    return new ActivationSite(
        index, "site" + index, "t" + index, CHANNELS, List.of(layer), Role.BLOCK, prefix);
  }

  private static MemoryPlan plan(
      int sites, int prefix, boolean guided, WeightRounding rounding, long memory) {
    return plan(sites, prefix, TestSearch.of(guided, 1, 0, 0.1), rounding, memory);
  }

  private static MemoryPlan plan(
      int sites, int prefix, SearchSettings search, WeightRounding rounding, long memory) {
    List<ActivationSite> all = new ArrayList<>();
    List<Long> values = new ArrayList<>();
    for (int i = 0; i < sites; i++) {
      all.add(site(i, prefix));
      values.add((long) TOKENS * CHANNELS);
    }
    return MemoryPlan.of(
        new MemoryPlan.Subject(
            new ModelGraph("in", "out", 224, 224, 1000, all, List.of()),
            FILE,
            all.stream().map(s -> new SitePlan(s, 8, 8)).toList(),
            values,
            search,
            new WeightRules(rounding, false, true, 0.01, 0.25, memory),
            memory,
            true));
  }

  private static PassMemory pass(MemoryPlan plan, String name) {
    return plan.passes().stream().filter(p -> p.pass().equals(name)).findFirst().orElseThrow();
  }

  private static MemoryPlan balanced(int sites, int prefix) {
    return plan(sites, prefix, true, WeightRounding.MSE, 1L << 30);
  }

  @Test
  void passesAreThoseOfTheSearchAndTheWeights() {
    assertThat(balanced(2, 1).passes())
        .extracting(PassMemory::pass)
        .containsExactly("statistics", "solve", "score", "evaluate");
    assertThat(plan(2, 1, false, WeightRounding.GPTQ, 1L << 30).passes())
        .extracting(PassMemory::pass)
        .containsExactly("statistics", "score", "moments", "evaluate");
  }

  @Test
  void aMeasuredPrefixWeightTakesAPassOverOneModelOfEachWeight() {
    SearchSettings measured = TestSearch.of(true, SearchSettings.MEASURED, 0, 0.1);
    MemoryPlan plan = plan(2, 1, measured, WeightRounding.GPTQ, 1L << 30);
    // Codes of 1 byte in place of weights of 4.
    long quantized = FILE - 2L * 3 * CHANNELS * CHANNELS;

    assertThat(plan.passes())
        .extracting(PassMemory::pass)
        .containsExactly("statistics", "solve", "prefix weight", "score", "moments", "evaluate");
    assertThat(pass(plan, "prefix weight").localHeap()).isEqualTo(FILE + 2 * quantized);
    assertThat(pass(plan, "prefix weight").spillable()).isEqualTo(2 * (FILE + 2 * quantized));
    assertThat(pass(plan, "score").localHeap()).isEqualTo(FILE);
    assertThat(plan.leastDriverHeap()).isEqualTo(FILE + 2 * quantized);
    assertThat(plan(2, 0, measured, WeightRounding.GPTQ, 1L << 30).passes())
        .extracting(PassMemory::pass)
        .doesNotContain("prefix weight");
  }

  @Test
  void aTaskOfTheStatisticsHoldsTheHistogramsOfAllSites() {
    long more =
        pass(balanced(12, 1), "statistics").taskHeap()
            - pass(balanced(2, 1), "statistics").taskHeap();

    // Two parts, two token groups, 1024 bins of 5 bytes and 17 bytes more for each channel.
    assertThat(more).isEqualTo(10L * 2 * 2 * CHANNELS * (5 * 1024 + 17));
  }

  @Test
  void withoutPrefixTokensThereIsOneGroupOfThem() {
    long with = pass(balanced(10, 1), "statistics").taskHeap();
    long without = pass(balanced(10, 0), "statistics").taskHeap();

    assertThat(with - without).isEqualTo(10L * 2 * CHANNELS * (5 * 1024 + 17));
  }

  @Test
  void theDriverHasNoQuantizedModelsBeforeThereAreWeights() {
    MemoryPlan plan = plan(2, 1, true, WeightRounding.GPTQ, 1L << 30);

    assertThat(pass(plan, "statistics").localHeap()).isEqualTo(FILE);
    assertThat(pass(plan, "score").localHeap()).isEqualTo(FILE);
    assertThat(pass(plan, "moments").localHeap()).isEqualTo(plan.leastDriverHeap());
    assertThat(pass(plan, "evaluate").localHeap()).isEqualTo(plan.leastDriverHeap());
  }

  @Test
  void momentsStayWithinTheirBound() {
    long bound = 64L << 20;
    long bounded = pass(plan(40, 1, true, WeightRounding.GPTQ, bound), "moments").taskHeap();
    long unbounded =
        pass(plan(40, 1, true, WeightRounding.GPTQ, Long.MAX_VALUE / 2), "moments").taskHeap();

    // Of both variants 4·C² bytes, and 1024 and 64 tokens of 3·C + 1.
    long ofSite = 2 * (4L * CHANNELS * CHANNELS + 1088L * (3 * CHANNELS + 1));
    assertThat(unbounded - bounded).isEqualTo(40 * ofSite - bound / ofSite * ofSite);
  }

  @Test
  void pinnedOutputsOfEveryTaskAreBeyondTheHeap() {
    PassMemory pass = pass(balanced(10, 1), "statistics");

    assertThat(pass.offHeap(3) - pass.offHeap(2))
        .isGreaterThan(2L * 10 * 4 * TOKENS * CHANNELS)
        .isLessThan(4L * 10 * 4 * TOKENS * CHANNELS);
  }

  @Test
  void memoryBeyondTheHeapGrowsFromPassToPass() {
    SearchSettings measured = TestSearch.of(true, SearchSettings.MEASURED, 0, 0.1);
    assertThat(plan(4, 1, measured, WeightRounding.GPTQ, 1L << 30).passes())
        .extracting(p -> p.offHeap(2))
        .isSorted();
  }
}
