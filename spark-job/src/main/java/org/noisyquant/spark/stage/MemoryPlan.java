package org.noisyquant.spark.stage;

import java.util.Comparator;
import java.util.List;
import org.noisyquant.graph.ModelGraph;

/**
 * The memory that a calibration will take, predicted before it starts. Nothing in it depends on the
 * number of images.
 *
 * @param passes what each pass takes in an executor, in their order
 * @param driverHeap bytes that are live in the driver at its peak
 * @param driverOffHeap bytes beyond its heap
 */
public record MemoryPlan(List<PassMemory> passes, long driverHeap, long driverOffHeap) {
  /**
   * What is planned for.
   *
   * @param graph of the model
   * @param fileBytes size of the model
   * @param sites what is quantized
   * @param values how many values each site of the graph has for one image
   * @param search how quantizers are searched
   * @param weights how weights are chosen
   * @param statisticsMemory most bytes of histograms in a task
   * @param heldOut whether a part of the images is held out
   */
  public record Subject(
      ModelGraph graph,
      long fileBytes,
      List<SitePlan> sites,
      List<Long> values,
      SearchSettings search,
      WeightRules weights,
      long statisticsMemory,
      boolean heldOut) {}

  /** The plan of a calibration. */
  public static MemoryPlan of(Subject subject) {
    return new MemoryEstimate(subject).plan();
  }

  /** Heap without which the driver fails: what it ships can spill. */
  public long leastDriverHeap() {
    return passes.stream().mapToLong(PassMemory::localHeap).max().orElse(0);
  }

  /** The pass that needs most heap; as {@link PassMemory#leastHeap}. */
  public PassMemory mostHeap(int tasks, boolean local) {
    return most(Comparator.comparingLong(pass -> pass.leastHeap(tasks, local)));
  }

  /** The pass that needs most memory beyond the heap with so many tasks at a time. */
  public PassMemory mostOffHeap(int tasks) {
    return most(Comparator.comparingLong(pass -> pass.offHeap(tasks)));
  }

  private PassMemory most(Comparator<PassMemory> order) {
    return passes.stream().max(order).orElseThrow();
  }
}
