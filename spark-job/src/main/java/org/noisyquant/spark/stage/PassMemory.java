package org.noisyquant.spark.stage;

/**
 * What one pass needs in an executor, in bytes.
 *
 * @param pass its name
 * @param heap that all tasks share
 * @param spillable part of it that Spark moves to the disk where the heap is small
 * @param taskHeap of each task
 * @param localHeap what the driver adds where tasks run in its JVM
 * @param offHeap outside of the heap, shared: the JVM itself and ONNX Runtime's sessions
 * @param taskOffHeap outside of the heap, of each task
 * @param boundedBy the key that bounds taskHeap; empty where none does
 */
public record PassMemory(
    String pass,
    long heap,
    long spillable,
    long taskHeap,
    long localHeap,
    long offHeap,
    long taskOffHeap,
    String boundedBy) {

  /**
   * Heap that is live at the peak.
   *
   * @param tasks that run at a time
   * @param local whether they run in the driver's JVM
   */
  public long heap(int tasks, boolean local) {
    return heap + tasks * taskHeap + (local ? localHeap : 0);
  }

  /** Heap without which the pass fails; as {@link #heap}. */
  public long leastHeap(int tasks, boolean local) {
    return heap(tasks, local) - spillable;
  }

  /** Resident memory beyond the heap with so many tasks at a time. */
  public long offHeap(int tasks) {
    return offHeap + tasks * taskOffHeap;
  }
}
