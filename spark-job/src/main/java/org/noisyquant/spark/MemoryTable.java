package org.noisyquant.spark;

import com.fasterxml.jackson.annotation.JsonPropertyOrder;
import java.util.List;
import java.util.Locale;
import org.noisyquant.spark.stage.ExecutorMemory;
import org.noisyquant.spark.stage.MemoryPlan;
import org.noisyquant.spark.stage.PassMemory;

/**
 * A memory plan as {@code inspect} shows it, for as many tasks at a time as the settings of Spark
 * say. All figures are bytes.
 *
 * @param tasks that run at a time in an executor
 * @param local whether they run in the driver, whose heap is then in theirs
 * @param driverHeap of a driver of its own
 * @param driverOffHeap beyond it
 */
@JsonPropertyOrder({"tasks", "local", "driverHeap", "driverOffHeap", "passes"})
record MemoryTable(
    int tasks, boolean local, long driverHeap, long driverOffHeap, List<Line> passes) {
  private static final double MIB = 1 << 20;

  /**
   * A pass.
   *
   * @param heap live at the peak, of all tasks
   * @param leastHeap without what Spark can move to the disk
   * @param taskHeap of one task
   * @param offHeap resident beyond the heap, of all tasks
   * @param taskOffHeap of one task
   */
  @JsonPropertyOrder({"pass", "heap", "leastHeap", "taskHeap", "offHeap", "taskOffHeap"})
  record Line(
      String pass, long heap, long leastHeap, long taskHeap, long offHeap, long taskOffHeap) {}

  static MemoryTable of(MemoryPlan plan, ExecutorMemory executor) {
    return new MemoryTable(
        executor.tasks(),
        executor.local(),
        plan.driverHeap(),
        plan.driverOffHeap(),
        plan.passes().stream().map(pass -> line(pass, executor)).toList());
  }

  private static Line line(PassMemory pass, ExecutorMemory executor) {
    return new Line(
        pass.pass(),
        pass.heap(executor.tasks(), executor.local()),
        pass.leastHeap(executor.tasks(), executor.local()),
        pass.taskHeap(),
        pass.offHeap(executor.tasks()),
        pass.taskOffHeap());
  }

  /** Lines without a last line break. */
  String toText() {
    StringBuilder text = new StringBuilder();
    text.append(
        String.format(
            Locale.ROOT,
            "memory in MiB, %d tasks at a time in %s, whatever the number of images%n",
            tasks,
            local ? "the driver" : "an executor"));
    text.append(
        String.format(
            Locale.ROOT,
            "%-10s  %8s  %8s  %8s  %8s  %8s",
            "pass",
            "heap",
            "least",
            "of task",
            "beyond",
            "of task"));
    for (Line line : passes) {
      text.append(
          String.format(
              Locale.ROOT,
              "%n%-10s  %8.0f  %8.0f  %8.0f  %8.0f  %8.0f",
              line.pass,
              line.heap / MIB,
              line.leastHeap / MIB,
              line.taskHeap / MIB,
              line.offHeap / MIB,
              line.taskOffHeap / MIB));
    }
    if (!local) {
      text.append(
          String.format(
              Locale.ROOT,
              "%n%-10s  %8.0f  %8s  %8s  %8.0f",
              "driver",
              driverHeap / MIB,
              "",
              "",
              driverOffHeap / MIB));
    }
    return text.toString();
  }
}
