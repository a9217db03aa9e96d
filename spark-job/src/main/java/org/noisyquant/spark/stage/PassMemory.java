package org.noisyquant.spark.stage;

/**
 * What one pass needs in an executor, in bytes.
 *
 * @param pass its name
 * @param heap that all tasks share
 * @param spillable part of it that Spark moves to the disk where the heap is small
 * @param taskHeap of each task
 * @param offHeap outside of the heap, shared: the JVM itself and ONNX Runtime's sessions
 * @param taskOffHeap outside of the heap, of each task
 * @param boundedBy the key that bounds taskHeap; empty where none does
 */
public record PassMemory(
    String pass,
    long heap,
    long spillable,
    long taskHeap,
    long offHeap,
    long taskOffHeap,
    String boundedBy) {

  /** Heap that is live at the peak with so many tasks at a time. */
  public long heap(int tasks) {
    return heap + tasks * taskHeap;
  }

  /** Heap without which the pass fails. */
  public long leastHeap(int tasks) {
    return heap(tasks) - spillable;
  }

  /** Resident memory beyond the heap with so many tasks at a time. */
  public long offHeap(int tasks) {
    return offHeap + tasks * taskOffHeap;
  }
}
