package org.noisyquant.search;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.noisyquant.quant.NoisyBias;
import org.noisyquant.quant.NoisyQuantizer;
import org.noisyquant.quant.UniformQuantizer;
import org.noisyquant.runtime.MatMulRunner;
import org.noisyquant.stats.ChannelHistograms;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * The kernels of the search by JMH, beside the limits of the machine: moving the same bytes, and
 * multiplying in ONNX Runtime. The activations are random, of the size of what DeiT-tiny's fc2 sees
 * of one image (197 tokens, 768 channels, 192 outputs) and of GELU's shape. One thread; times are
 * per value, per value and candidate, or per threshold and candidate.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(1)
public class KernelMicrobenchmark {
  private static final int TOKENS = 197;
  private static final int CHANNELS = 768;
  private static final int OUTPUTS = 192;
  private static final int VALUES = TOKENS * CHANNELS;

  /**
   * Sites whose histograms take turns, as in a model: those of one site alone stay in the cache.
   */
  private static final int SITES = 12;

  private static final int CANDIDATES = 8;
  private static final int PAIRS = 128;
  private static final int BITS = 8;

  private final float[] x = new float[VALUES];
  private final float[] target = new float[VALUES];
  private final List<ChannelHistograms> histograms = new ArrayList<>();
  private final List<NoisyQuantizer> candidates = new ArrayList<>();
  private final double[] sums = new double[CANDIDATES];
  private final ErrorMoments moments = new ErrorMoments(BITS, PAIRS);
  private final MatMulRunner products = MatMulRunner.open(1);
  private final CandidateScorer scorer = new CandidateScorer(products);
  private final float[] norms = new float[TOKENS];
  private ChannelDistribution channel;
  private SiteObjective objective;
  private MatMulRunner.Matrix factor;
  private MatMulRunner.Run product;
  private int turn;

  /** Makes activations, candidates and the points of a density. */
  @Setup
  public void prepare() {
    Random random = new Random(1);
    for (int i = 0; i < VALUES; i++) {
      double g = random.nextGaussian();
      x[i] = (float) (g / (1 + Math.exp(-1.702 * g)));
    }
    for (int i = 0; i < SITES; i++) {
      histograms.add(ChannelHistograms.empty(CHANNELS));
    }
    float[] weight = new float[CHANNELS * OUTPUTS];
    for (int i = 0; i < weight.length; i++) {
      weight[i] = (float) random.nextGaussian();
    }
    objective = SiteObjective.of(products, OutputWeights.joined(CHANNELS, List.of(weight)));
    factor = products.matrix(weight, CHANNELS, OUTPUTS);
    product = products.newRun();
    float[] unit = NoisyBias.unit(1, 0, CHANNELS);
    for (int k = 0; k < CANDIDATES; k++) {
      float step = 0.02f + 0.001f * k;
      candidates.add(
          NoisyQuantizer.uniform(
              new UniformQuantizer(BITS, step), NoisyBias.scaled(unit, step, 0.25, 0.5)));
    }
    preparePrediction();
  }

  /** A channel that reaches over all thresholds. */
  private void preparePrediction() {
    ChannelHistograms h = ChannelHistograms.empty(1);
    h.update(x, 0, VALUES);
    channel = ChannelDistribution.of(ChannelDensity.of(List.of(h), new double[] {1}, 0));
    float step = (channel.maximum() - channel.minimum()) / (1 << BITS);
    for (int j = 0; j < PAIRS; j++) {
      moments.add(step, -(channel.maximum() + channel.minimum()) / 2 + 0.01f * j * step);
    }
  }

  /** Frees what ONNX Runtime holds. */
  @TearDown
  public void close() {
    objective.close();
    products.close();
  }

  /** The limit of memory: reading and writing each value. */
  @Benchmark
  @OperationsPerInvocation(VALUES)
  public float[] limitOfMemory() {
    System.arraycopy(x, 0, target, 0, VALUES);
    return target;
  }

  /** The limit of arithmetic: 2·192 operations a value in ONNX Runtime's product. */
  @Benchmark
  @OperationsPerInvocation(VALUES)
  public float[] limitOfArithmetic() {
    product.squaredRowNorms(x, TOKENS, factor, norms);
    return norms;
  }

  /** Counts one image at one of the sites. */
  @Benchmark
  @OperationsPerInvocation(VALUES)
  public ChannelHistograms histogramUpdate() {
    ChannelHistograms h = histograms.get(turn);
    turn = (turn + 1) % SITES;
    h.update(x, 0, TOKENS);
    return h;
  }

  /** Predicts one channel at many offsets, over all values. */
  @Benchmark
  @OperationsPerInvocation(PAIRS * ((1 << BITS) - 1))
  public ErrorMoments prediction() {
    moments.evaluate(channel);
    return moments;
  }

  /** The errors of one candidate. */
  @Benchmark
  @OperationsPerInvocation(VALUES)
  public float[] quantizationError() {
    candidates.get(0).error(x, TOKENS, target, 0);
    return target;
  }

  /** Exact losses: errors, and their product with the weights. */
  @Benchmark
  @OperationsPerInvocation(CANDIDATES * VALUES)
  public double[] exactScore() {
    scorer.score(objective, candidates, x, TOKENS, sums);
    return sums;
  }
}
