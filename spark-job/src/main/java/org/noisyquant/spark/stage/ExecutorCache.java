package org.noisyquant.spark.stage;

import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Supplier;
import org.apache.spark.TaskContext;
import org.apache.spark.util.TaskCompletionListener;
import org.noisyquant.runtime.MatMulRunner;
import org.noisyquant.runtime.ModelRunner;
import org.noisyquant.runtime.MomentsRunner;

/**
 * What the tasks of one executor share: ONNX Runtime sessions and what is derived from a model. The
 * first task that asks makes an entry; it stays for later tasks and passes until {@value #IDLE}
 * others have been used since by no running task.
 */
final class ExecutorCache {
  /** Entries that no task uses and that are kept: those of one calibration and its evaluation. */
  private static final int IDLE = 8;

  private static final Map<String, Entry> ENTRIES = new LinkedHashMap<>(16, 0.75f, true);

  private static final class Entry {
    private final AutoCloseable value;
    private int tasks;

    private Entry(AutoCloseable value) {
      this.value = value;
    }
  }

  private ExecutorCache() {}

  /** The session of a model, for the running task. */
  static ModelRunner runner(ShippedModel model) {
    int threads = threads();
    return get(
        "runner " + model.file() + " " + threads,
        ModelRunner.class,
        () -> ModelRunner.open(model.path(), threads));
  }

  /** The session for matrix products, for the running task. */
  static MatMulRunner products() {
    int threads = threads();
    return get("products " + threads, MatMulRunner.class, () -> MatMulRunner.open(threads));
  }

  /** The session for second moments, for the running task. */
  static MomentsRunner moments() {
    int threads = threads();
    return get("moments " + threads, MomentsRunner.class, () -> MomentsRunner.open(threads));
  }

  /**
   * An entry, for the running task: it is not closed before the task ends.
   *
   * @param make makes it where it is not there; may ask for other entries
   */
  static <T extends AutoCloseable> T get(String key, Class<T> type, Supplier<T> make) {
    synchronized (ENTRIES) {
      Entry entry = ENTRIES.get(key);
      if (entry == null) {
        entry = new Entry(make.get());
        ENTRIES.put(key, entry);
      }
      entry.tasks++;
      Entry used = entry;
      TaskContext.get().addTaskCompletionListener((TaskCompletionListener) task -> release(used));
      return type.cast(entry.value);
    }
  }

  private static void release(Entry entry) {
    synchronized (ENTRIES) {
      entry.tasks--;
      long idle = ENTRIES.values().stream().filter(e -> e.tasks == 0).count();
      Iterator<Entry> oldest = ENTRIES.values().iterator();
      while (idle > IDLE && oldest.hasNext()) {
        Entry candidate = oldest.next();
        if (candidate.tasks == 0) {
          oldest.remove();
          close(candidate.value);
          idle--;
        }
      }
    }
  }

  private static void close(AutoCloseable value) {
    try {
      value.close();
    } catch (Exception e) {
      throw new IllegalStateException("cannot close " + value, e);
    }
  }

  /** {@code spark.task.cpus} of the running task. */
  private static int threads() {
    return TaskContext.get().cpus();
  }
}
