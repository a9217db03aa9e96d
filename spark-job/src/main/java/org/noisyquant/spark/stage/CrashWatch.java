package org.noisyquant.spark.stage;

import java.util.Optional;
import java.util.Set;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReadWriteLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.stream.Collectors;
import org.apache.hadoop.fs.Path;
import org.apache.spark.TaskContext;
import org.apache.spark.util.TaskCompletionListener;
import org.noisyquant.error.ErrorCode;
import org.noisyquant.error.NoisyQuantException;

/**
 * Finds the image that a process dies of, in one task. An image that was in work at a death, or may
 * have been, is a suspect: it is worked on while its process works on no other, so that only the
 * guilty one is there at a second death. After two it is not touched again.
 *
 * <p>Used by the thread of its task.
 */
final class CrashWatch {
  /** Deaths after which an image is taken to be their cause. */
  private static final int DEADLY = 2;

  /** Held for reading by every image in work, for writing by suspects. */
  private static final ReadWriteLock IN_WORK = new ReentrantReadWriteLock();

  private final CrashMarks marks;

  /** Digests of the images that had marks when the task began. */
  private final Set<String> suspects;

  private final boolean marking;
  private Lock lock;
  private Optional<Path> mark = Optional.empty();

  CrashWatch(CrashMarks marks, boolean marking) {
    this.marks = marks;
    this.marking = marking;
    suspects = marks.list().stream().map(CrashMark::digest).collect(Collectors.toSet());
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
    boolean suspect = suspects.contains(image.digest());
    int deaths = suspect ? marks.deaths(image.digest()) : 0;
    if (deaths >= DEADLY) {
      throw new NoisyQuantException(
          ErrorCode.IMAGE_UNREADABLE,
          "image "
              + image.name()
              + " is left out: "
              + deaths
              + " processes died while they worked on it (a crash in ONNX Runtime or a decoder, or"
              + " killed from outside). Replace or remove the file");
    }
    Lock wanted = suspect ? IN_WORK.writeLock() : IN_WORK.readLock();
    wanted.lock();
    lock = wanted;
    if (marking || suspect) {
      mark = marks.mark(image.digest());
    }
  }

  /** The work on the image is over. */
  void end() {
    mark.ifPresent(marks::clear);
    mark = Optional.empty();
    if (lock != null) {
      lock.unlock();
      lock = null;
    }
  }
}
