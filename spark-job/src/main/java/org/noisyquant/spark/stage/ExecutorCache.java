package org.noisyquant.spark.stage;

import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.function.Supplier;
import org.apache.spark.TaskContext;
import org.noisyquant.runtime.MatMulRunner;
import org.noisyquant.runtime.ModelRunner;

/**
 * What the tasks of one executor share: ONNX Runtime sessions and what is derived from a model. It
 * lives as long as the executor's JVM; {@link #release} frees what a job no longer needs where the
 * driver is the executor.
 */
final class ExecutorCache {
  private static final ConcurrentMap<String, AutoCloseable> ENTRIES = new ConcurrentHashMap<>();

  private ExecutorCache() {}

  /** The session of a model; opened by the first task that asks. */
  static ModelRunner runner(ShippedModel model) {
    int threads = threads();
    return get(
        "runner " + model.file() + " " + threads,
        ModelRunner.class,
        () -> ModelRunner.open(model.path(), threads));
  }

  /** The session for matrix products. */
  static MatMulRunner products() {
    int threads = threads();
    return get("products " + threads, MatMulRunner.class, () -> MatMulRunner.open(threads));
  }

  /** Anything else that tasks share, made by the first that asks. */
  static <T extends AutoCloseable> T get(String key, Class<T> type, Supplier<T> make) {
    return type.cast(ENTRIES.computeIfAbsent(key, k -> make.get()));
  }

  /** Closes everything in this JVM. No task may be running. */
  static void release() {
    for (String key : ENTRIES.keySet()) {
      AutoCloseable entry = ENTRIES.remove(key);
      if (entry != null) {
        try {
          entry.close();
        } catch (Exception e) {
          throw new IllegalStateException("cannot close " + key, e);
        }
      }
    }
  }

  /** {@code spark.task.cpus} of the running task; 1 outside of one. */
  private static int threads() {
    TaskContext task = TaskContext.get();
    return task == null ? 1 : task.cpus();
  }
}
