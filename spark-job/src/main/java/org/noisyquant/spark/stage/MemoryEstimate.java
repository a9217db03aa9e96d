package org.noisyquant.spark.stage;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.ToLongFunction;
import org.noisyquant.graph.ActivationSite;
import org.noisyquant.graph.LinearLayer;
import org.noisyquant.search.Objective;
import org.noisyquant.stats.InputMoments;

/**
 * The formulas of {@link MemoryPlan}. All figures are bytes. F is the model file, Q a quantized
 * one; a site has C channels, O outputs of its layers and V values for one image; P are the pixels
 * of an image as floats.
 *
 * <pre>
 *   a file on an executor   2·F of heap: the broadcast value and its blocks, which Spark can spill
 *   a parsed model          F of heap: its tensors lie in the bytes of the file
 *   a session of F          16 MiB + 1.4·F off the heap: weights, some of them packed for products
 *   a run with taps         8·ΣV + 24·max V + P off the heap: pinned outputs, what the arena held
 *                           for them when they had none, activations between the taps
 *   statistics of a site    5140·C for each part and group of tokens: 1024 counts of 4 bytes and
 *                           as many recent ones of 1
 *   solving a site          its statistics, 12·C·O of weights, 34 kB of each channel
 *   the driver              F of heap, with the results of weights or while prefix weights are
 *                           compared F + 2·Q
 *   candidates              24·ΣC each, as a broadcast value and its blocks
 *   objectives              4·ΣC·min(C, O) off the heap
 *   moments of a site       4·C² for each variant, with cross products 12·C², see InputMoments;
 *                           and tokens as bytes while they are summed, see MomentsCollector
 *   weights from moments    the moments twice and their bytes while they merge; then factors of
 *                           4·C² and five double matrices of C·O
 * </pre>
 *
 * <p>Sessions, run buffers and objectives stay for later passes: off the heap each pass comes on
 * top of those before. 16 MiB, 1.4 and what a JVM takes by itself are measured.
 */
final class MemoryEstimate {
  private static final long MIB = 1L << 20;

  private static final Map<String, String> BOUNDS =
      Map.of("statistics", "statistics.memoryMiB", "moments", "weights.memoryMiB");

  /** Code, classes, threads and buffers of a JVM with Spark and ONNX Runtime. */
  private static final long JVM = 300 * MIB;

  /** Heap that Spark keeps. */
  private static final long SPARK = 40 * MIB;

  private static final long SESSION = 16 * MIB;
  private static final double SESSION_SHARE = 1.4;

  /** Model files that the session takes which looks for folds, while it is opened. */
  private static final int PROBE = 3;

  /** Activations between the taps, as multiples of the largest tap. */
  private static final int BETWEEN = 6;

  /** A channel's distribution, see ChannelDistribution. */
  private static final long DISTRIBUTION = 34_000;

  /** Choices of a guided search for one site, at most, and bytes of each for a channel. */
  private static final int LISTED = 17;

  private static final long CANDIDATE = 12;

  /** Errors of a batch of candidates. */
  private static final long BATCH = 2 * MIB;

  private static final long DOUBLE = Double.BYTES;

  private static final long FLOAT = Float.BYTES;

  private final MemoryPlan.Subject subject;
  private final long file;
  private final long quantized;
  private final long pixels;
  private final long largestTap;
  private final List<PassMemory> passes = new ArrayList<>();

  /** What has been opened so far, off the heap. */
  private long offHeap;

  private long taskOffHeap;

  /** What the driver has of the model and of its quantized ones so far. */
  private long local;

  MemoryEstimate(MemoryPlan.Subject subject) {
    this.subject = subject;
    file = subject.fileBytes();
    // Codes take a quarter of the weights.
    quantized = file - sum(site -> 3L * site.channels() * site.outputs());
    pixels = FLOAT * 3 * subject.graph().height() * subject.graph().width();
    largestTap = largest(this::tap);
  }

  MemoryPlan plan() {
    local = file;
    offHeap = JVM + session(file);
    taskOffHeap = 2 * sum(this::tap) + BETWEEN * largestTap + pixels;
    pass("statistics", 2 * file, 0, statistics() + largestTap + pixels);
    if (subject.search().guided()) {
      pass("solve", 4 * file, file, largest(this::solving));
    }
    trial();
    offHeap += SESSION + objectives();
    taskOffHeap += BATCH;
    long candidates = subject.search().guided() ? LISTED * CANDIDATE * sum(this::channels) : 0;
    pass("score", 4 * file + candidates, file + candidates, 2 * largestTap + BATCH + pixels);
    if (subject.weights().needMoments(subject.search().guided())) {
      offHeap += SESSION;
      taskOffHeap += 2 * largestTap + BATCH;
      // Codes arrive while other sites are still summed or fitted.
      local = file + 2 * quantized;
      pass("moments", 4 * file, file, Math.max(moments(), largest(this::fitting)));
    }
    offHeap += session(file) + 2 * session(quantized);
    taskOffHeap += 3 * (BETWEEN * largestTap + pixels);
    local = file + 2 * quantized;
    pass("evaluate", 2 * (file + 2 * quantized), file, 2 * pixels);
    return new MemoryPlan(
        List.copyOf(passes), SPARK + 5 * file + 4 * quantized, JVM + SESSION + PROBE * file);
  }

  /** Models that are compared to find the weight of prefix tokens. */
  private void trial() {
    int models = PrefixWeightTrial.WEIGHTS.size();
    if (subject.heldOut() && PrefixWeightTrial.mayRun(subject.search(), subject.sites())) {
      local = file + models * quantized;
      offHeap += session(file) + models * session(quantized);
      taskOffHeap += (1 + models) * (BETWEEN * largestTap + pixels);
      pass("prefix weight", 2 * (file + models * quantized), file, 2 * pixels);
      local = file;
    }
  }

  private void pass(String name, long broadcasts, long shared, long task) {
    passes.add(
        new PassMemory(
            name,
            SPARK + broadcasts + shared,
            broadcasts,
            task,
            local,
            offHeap,
            taskOffHeap,
            BOUNDS.getOrDefault(name, "")));
  }

  private static long session(long bytes) {
    return SESSION + (long) (SESSION_SHARE * bytes);
  }

  private long tap(ActivationSite site) {
    return FLOAT * subject.values().get(site.index());
  }

  private long channels(ActivationSite site) {
    return site.channels();
  }

  /** Of a task: all sites of a group. */
  private long statistics() {
    List<Long> sites = subject.sites().stream().map(SitePlan::site).map(this::statistics).toList();
    return SiteGroups.largest(sites, subject.statisticsMemory());
  }

  private long statistics(ActivationSite site) {
    return StatisticsStage.bytes(site, subject.heldOut());
  }

  private long solving(ActivationSite site) {
    return statistics(site)
        + 3 * FLOAT * site.channels() * site.outputs()
        + DISTRIBUTION * site.channels();
  }

  private long objectives() {
    return subject.search().objective() == Objective.INPUT
        ? 0
        : sum(site -> FLOAT * site.channels() * Math.min(site.channels(), site.outputs()));
  }

  /** Of a task that sums: all sites of a group, and the bytes of the one that is written. */
  private long moments() {
    List<Long> sites = subject.sites().stream().map(subject.weights()::bytes).toList();
    return SiteGroups.largest(sites, subject.weights().memory())
        + largest(this::momentsOfOne)
        + 3 * largestTap
        + pixels;
  }

  private long momentsOfOne(ActivationSite site) {
    return InputMoments.bytes(site.channels(), subject.weights().compensation());
  }

  /** Of a task that merges the moments of a site and quantizes its layers. */
  private long fitting(ActivationSite site) {
    long largestLayer = site.layers().stream().mapToLong(LinearLayer::outputs).max().orElse(0);
    long fits =
        InputMoments.bytes(site.channels(), false) + 5 * DOUBLE * site.channels() * largestLayer;
    return momentsOfOne(site) + Math.max(2 * momentsOfOne(site), fits);
  }

  private long sum(ToLongFunction<ActivationSite> bytes) {
    return subject.sites().stream().map(SitePlan::site).mapToLong(bytes).sum();
  }

  private long largest(ToLongFunction<ActivationSite> bytes) {
    return subject.sites().stream().map(SitePlan::site).mapToLong(bytes).max().orElse(0);
  }
}
