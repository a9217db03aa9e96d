package org.noisyquant.spark.stage;

import java.util.Map;
import java.util.Optional;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReadWriteLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import org.apache.hadoop.fs.Path;
import org.apache.spark.TaskContext;
import org.apache.spark.util.TaskCompletionListener;
import org.noisyquant.error.ErrorCode;
import org.noisyquant.error.NoisyQuantException;

/**
 * Finds the image that a process dies of, in one task. An image that was in work at a death is a
 * suspect: it is worked on while its process works on no other, so that only the guilty one is
 * there at a second death. After two it is not touched again.
 *
 * <p>Used by the thread of its task.
 */
final class CrashWatch {
  /** Deaths after which an image is taken to be their cause. */
  private static final int DEADLY = 2;

  /** Held for reading by every image in work, for writing by suspects. */
  private static final ReadWriteLock IN_WORK = new ReentrantReadWriteLock();

  private final CrashMarks marks;
  private final Map<String, Integer> deaths;
  private final boolean marking;
  private Lock lock;
  private Optional<Path> mark = Optional.empty();

  private CrashWatch(CrashMarks marks, boolean marking) {
    this.marks = marks;
    this.marking = marking;
    deaths = marks.counts();
  }

  /** The watch over the running task, until it ends. */
  static CrashWatch start(CrashMarks marks) {
    TaskContext task = TaskContext.get();
    CrashWatch watch = new CrashWatch(marks, marks.always() || task.attemptNumber() > 0);
    task.addTaskCompletionListener((TaskCompletionListener) ended -> watch.end());
    return watch;
  }

  /**
   * The work on an image begins, and that on the one before it is over.
   *
   * @throws NoisyQuantException IMAGE_UNREADABLE if the image has proved deadly
   */
  void begin(ImageFile image) {
    end();
    int before = deaths.getOrDefault(image.digest(), 0);
    if (before >= DEADLY) {
      throw new NoisyQuantException(
          ErrorCode.IMAGE_UNREADABLE,
          "image "
              + image.name()
              + " is left out: "
              + before
              + " processes died while they worked on it (a crash in ONNX Runtime or a decoder, or"
              + " killed from outside). Replace or remove the file");
    }
    Lock wanted = before > 0 ? IN_WORK.writeLock() : IN_WORK.readLock();
    wanted.lock();
    lock = wanted;
    if (marking || before > 0) {
      mark = marks.mark(image.digest());
    }
  }

  private void end() {
    mark.ifPresent(marks::clear);
    mark = Optional.empty();
    if (lock != null) {
      lock.unlock();
      lock = null;
    }
  }
}
