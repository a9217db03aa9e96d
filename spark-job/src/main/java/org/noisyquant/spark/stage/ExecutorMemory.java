package org.noisyquant.spark.stage;

import java.util.Locale;
import java.util.OptionalLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.spark.SparkConf;
import org.apache.spark.sql.SparkSession;
import org.noisyquant.error.ErrorCode;
import org.noisyquant.error.NoisyQuantException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The memory of an executor, or of this JVM where tasks run in it, and what it is enough for.
 *
 * @param local whether tasks run in this JVM
 * @param tasks that run at a time
 * @param heap bytes
 * @param overhead bytes beyond the heap that its container is killed above; absent where nothing
 *     watches them
 */
public record ExecutorMemory(boolean local, int tasks, long heap, OptionalLong overhead) {
  private static final Logger LOG = LoggerFactory.getLogger(ExecutorMemory.class);

  /** A prediction may be too high by this share of it: below, a plan is not refused. */
  private static final double UNCERTAIN = 0.25;

  private static final long MIB = 1L << 20;
  private static final long DEFAULT_MIB = 1024;
  private static final long LEAST_OVERHEAD_MIB = 384;
  private static final double OVERHEAD_FACTOR = 0.1;
  private static final Pattern LOCAL_CLUSTER =
      Pattern.compile("local-cluster\\[\\s*\\d+\\s*,\\s*(\\d+)\\s*,\\s*\\d+\\s*]");

  /** That of a session. */
  public static ExecutorMemory of(SparkSession spark) {
    SparkConf conf = spark.sparkContext().getConf();
    int cores = spark.sparkContext().isLocal() ? spark.sparkContext().defaultParallelism() : 1;
    return of(conf, spark.sparkContext().master(), cores);
  }

  /** That of the settings of this process, before there is a session. */
  public static ExecutorMemory configured() {
    SparkConf conf = new SparkConf();
    return of(conf, conf.get("spark.master", "local"), Runtime.getRuntime().availableProcessors());
  }

  /**
   * That of settings.
   *
   * @param master Spark's
   * @param cores of this JVM's tasks, where they are local
   */
  static ExecutorMemory of(SparkConf conf, String master, int cores) {
    int cpus = Math.max(1, conf.getInt("spark.task.cpus", 1));
    if (master.equals("local") || master.startsWith("local[")) {
      long heap = Runtime.getRuntime().maxMemory();
      return new ExecutorMemory(true, Math.max(1, cores / cpus), heap, OptionalLong.empty());
    }
    Matcher cluster = LOCAL_CLUSTER.matcher(master);
    int executorCores =
        conf.getInt(
            "spark.executor.cores", cluster.matches() ? Integer.parseInt(cluster.group(1)) : 1);
    long heapMib = conf.getSizeAsMb("spark.executor.memory", DEFAULT_MIB + "m");
    long overheadMib =
        conf.getSizeAsMb(
            "spark.executor.memoryOverhead",
            Math.max(
                    conf.getSizeAsMb("spark.executor.minMemoryOverhead", LEAST_OVERHEAD_MIB + "m"),
                    (long)
                        (heapMib
                            * conf.getDouble(
                                "spark.executor.memoryOverheadFactor", OVERHEAD_FACTOR)))
                + "m");
    boolean watched = master.startsWith("yarn") || master.startsWith("k8s");
    return new ExecutorMemory(
        false,
        Math.max(1, executorCores / cpus),
        heapMib * MIB,
        watched ? OptionalLong.of(overheadMib * MIB) : OptionalLong.empty());
  }

  /**
   * Checks that a plan fits, as far as it can be told; warns where it may not.
   *
   * @throws NoisyQuantException PLAN_TOO_LARGE naming the pass and what to change
   */
  public void check(MemoryPlan plan) {
    if (!local) {
      checkDriver(plan, Runtime.getRuntime().maxMemory());
    }
    PassMemory most = plan.mostHeap(tasks, local);
    long needed = most.leastHeap(tasks, local);
    if (needed > heap) {
      refuseOrWarn(
          needed,
          heap,
          String.format(
              Locale.ROOT,
              "the pass %s needs about %d MiB of heap for %d tasks at a time (%d each), %s has %d:"
                  + " %s",
              most.pass(),
              mib(needed),
              tasks,
              mib(most.taskHeap()),
              local ? "this JVM" : "an executor",
              heap / MIB,
              moreHeap(plan, most, needed)));
    }
    PassMemory beyond = plan.mostOffHeap(tasks);
    long outside = beyond.offHeap(tasks);
    if (overhead.isPresent() && outside > overhead.getAsLong()) {
      refuseOrWarn(
          outside,
          overhead.getAsLong(),
          String.format(
              Locale.ROOT,
              "the pass %s needs about %d MiB beyond the heap for %d tasks at a time (ONNX Runtime"
                  + " and the JVM %d, each task %d), an executor has %d: set"
                  + " spark.executor.memoryOverhead to %s%s",
              beyond.pass(),
              mib(outside),
              tasks,
              mib(beyond.offHeap()),
              mib(beyond.taskOffHeap()),
              overhead.getAsLong() / MIB,
              gib(outside),
              tasks == 1 ? "" : ", or spark.task.cpus higher: fewer tasks run at a time"));
    }
  }

  /**
   * Checks a driver of its own. What it ships can spill, the model and the results cannot.
   *
   * @param driver bytes of its heap
   */
  static void checkDriver(MemoryPlan plan, long driver) {
    if (plan.driverHeap() > driver) {
      refuseOrWarn(
          plan.leastDriverHeap(),
          driver,
          String.format(
              Locale.ROOT,
              "the driver needs about %d MiB of heap, and has %d: set spark.driver.memory to %s",
              mib(plan.driverHeap()),
              driver / MIB,
              gib(plan.driverHeap())));
    }
  }

  /** What a plan takes and what there is. */
  public String sentence(MemoryPlan plan) {
    PassMemory most = plan.mostHeap(tasks, local);
    PassMemory beyond = plan.mostOffHeap(tasks);
    return String.format(
        Locale.ROOT,
        "%d tasks at a time: %d of %d MiB of heap (pass %s), %d%s MiB beyond it (pass %s)",
        tasks,
        mib(most.leastHeap(tasks, local)),
        heap / MIB,
        most.pass(),
        mib(beyond.offHeap(tasks)),
        overhead.isPresent() ? " of " + overhead.getAsLong() / MIB : "",
        beyond.pass());
  }

  private static void refuseOrWarn(long needed, long there, String message) {
    if (needed * (1 - UNCERTAIN) > there) {
      throw new NoisyQuantException(ErrorCode.PLAN_TOO_LARGE, message);
    }
    LOG.warn("memory may not be enough: {}", message);
  }

  private String moreHeap(MemoryPlan plan, PassMemory most, long needed) {
    int fitting = tasks;
    while (fitting > 0 && plan.mostHeap(fitting, local).leastHeap(fitting, local) > heap) {
      fitting--;
    }
    String fewer = "";
    if (fitting > 0) {
      fewer =
          local
              ? ", or use --master local[" + fitting + "]"
              : ", or raise spark.task.cpus so that " + fitting + " tasks run at a time";
    }
    return (local
            ? "start Java with -Xmx" + gib(needed) + " (spark-submit: --driver-memory)"
            : "set spark.executor.memory to " + gib(needed))
        + fewer
        + (most.boundedBy().isEmpty() ? "" : ", or lower " + most.boundedBy());
  }

  private static long mib(long bytes) {
    return (bytes + MIB - 1) / MIB;
  }

  private static String gib(long bytes) {
    return (bytes + (1L << 30) - 1) / (1L << 30) + "g";
  }
}
