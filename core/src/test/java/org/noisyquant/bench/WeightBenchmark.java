package org.noisyquant.bench;

import java.lang.management.ManagementFactory;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.noisyquant.quant.Gptq;
import org.noisyquant.quant.LinearQuantizer;
import org.noisyquant.quant.MomentsCollector;
import org.noisyquant.quant.NoisyQuantizer;
import org.noisyquant.quant.QuantizedWeight;
import org.noisyquant.quant.UniformQuantizer;
import org.noisyquant.quant.WeightQuantizer;
import org.noisyquant.quant.WeightRounding;
import org.noisyquant.quant.WeightSettings;
import org.noisyquant.runtime.MomentsRunner;
import org.noisyquant.stats.InputMoments;

/**
 * Times moments of activations and the choice of weights, in processor time of one thread, on
 * random inputs of the sizes that vision transformers have.
 */
public final class WeightBenchmark {
  private static final int TOKENS = 197;
  private static final int BITS = 4;
  private static final int WARM_UP_ROUNDS = 20;

  /** Updates of one measurement; the median of nine counts. */
  private static final double UPDATE_PRODUCTS = 2e9;

  /** So that tokens are multiplied several times. */
  private static final int FEWEST_CALLS = 26;

  /** As many as are multiplied at a time. */
  private static final int TOKENS_OF_PRODUCT = 1024;

  private static final int ROUNDS = 9;

  private WeightBenchmark() {}

  /** Prints two Markdown tables. */
  public static void main(String[] args) {
    System.out.println(
        "| moments, "
            + TOKENS
            + " tokens | µs per image | ns per product | of which products and copy |");
    System.out.println("|---|---|---|---|");
    try (MomentsRunner runner = MomentsRunner.open(1)) {
      for (int channels : new int[] {192, 768, 3072}) {
        moments(runner, channels);
      }
      System.out.println();
      System.out.println(
          "| weight | seconds: MSE scales | factor | GPTQ | site, all steps | loss of GPTQ |");
      System.out.println("|---|---|---|---|---|---|");
      weights(runner, 192, 768); // once more below, warm
      for (int[] shape : new int[][] {{192, 768}, {768, 192}, {3072, 768}}) {
        weights(runner, shape[0], shape[1]);
      }
    }
  }

  private static void moments(MomentsRunner runner, int channels) {
    MomentsRunner.Run run = runner.newRun();
    MomentsCollector moments = collector(channels, run);
    float[] x = activations(channels, TOKENS, 1);
    double products = TOKENS * (0.5 * channels * (channels + 1) + (double) channels * channels);
    int calls = (int) Math.max(FEWEST_CALLS, UPDATE_PRODUCTS / products);
    for (int i = 0; i < WARM_UP_ROUNDS; i++) {
      moments.add(x, TOKENS, 1, 20);
    }
    double whole =
        median(
            () -> {
              for (int i = 0; i < calls; i++) {
                moments.add(x, TOKENS, 1, 20);
              }
            });
    int columns = InputMoments.columns(channels);
    byte[] codes = new byte[TOKENS_OF_PRODUCT * columns];
    new Random(channels).nextBytes(codes);
    long[] sink = new long[1];
    double multiply =
        median(
            () -> {
              run.forEachRow(
                  codes,
                  TOKENS_OF_PRODUCT,
                  columns,
                  channels + 1,
                  (c, row) -> sink[0] += row[channels]);
            });
    System.out.printf(
        "| C = %d | %.0f | %.4f | %.0f |%n",
        channels, whole / calls * 1e6, whole / calls * 1e9 / products, multiply / calls * 1e6);
  }

  /** For inputs as {@link #activations} makes them. */
  private static MomentsCollector collector(int channels, MomentsRunner.Run run) {
    float[] absMax = new float[channels];
    Arrays.fill(absMax, 30f);
    UniformQuantizer quantizer = new UniformQuantizer(BITS, 0.5f);
    return new MomentsCollector(
        0, List.of(NoisyQuantizer.uniform(quantizer, new float[channels])), absMax, true, run);
  }

  private static void weights(MomentsRunner runner, int channels, int outputs) {
    MomentsRunner.Run run = runner.newRun();
    MomentsCollector collector = collector(channels, run);
    for (int image = 0; image < 64; image++) {
      collector.add(activations(channels, TOKENS, 2 + image), TOKENS, 0, 1);
    }
    InputMoments moments = collector.moments().get(0);
    Random random = new Random(channels);
    float[] weight = new float[channels * outputs];
    for (int i = 0; i < weight.length; i++) {
      weight[i] = (float) random.nextGaussian();
    }
    double[] h = new double[channels * channels];
    double[] diagonal = new double[channels];
    for (int i = 0; i < channels; i++) {
      for (int j = 0; j < channels; j++) {
        h[i * channels + j] = moments.quantizedCovariance(i, j);
      }
      diagonal[i] = h[i * channels + i];
    }
    long start = nanos();
    QuantizedWeight mse = WeightQuantizer.mse(weight, channels, outputs, BITS, diagonal);
    long scaled = nanos();
    Gptq gptq = Gptq.of(h, channels, 0.01);
    long factored = nanos();
    QuantizedWeight rounded = gptq.quantize(weight, outputs, BITS, mse.scales());
    long done = nanos();
    LinearQuantizer.of(
            new WeightSettings(BITS, WeightRounding.GPTQ, true, true, 0.01), moments, null, null)
        .quantize(weight, new float[outputs], outputs);
    long all = nanos();
    System.out.printf(
        "| [%d, %d] | %.2f | %.2f | %.2f | %.2f | %.3f of MSE |%n",
        channels,
        outputs,
        (scaled - start) / 1e9,
        (factored - scaled) / 1e9,
        (done - factored) / 1e9,
        (all - done) / 1e9,
        loss(h, weight, rounded) / loss(h, weight, mse));
  }

  /** tr(ΔᵀHΔ) over the first eight outputs. */
  private static double loss(double[] h, float[] weight, QuantizedWeight quantized) {
    int channels = quantized.inputs();
    float[] wq = quantized.dequantized();
    double loss = 0;
    for (int o = 0; o < 8; o++) {
      for (int i = 0; i < channels; i++) {
        double sum = 0;
        for (int j = 0; j < channels; j++) {
          int w = j * quantized.outputs() + o;
          sum += h[i * channels + j] * (weight[w] - wq[w]);
        }
        int w = i * quantized.outputs() + o;
        loss += sum * (weight[w] - wq[w]);
      }
    }
    return loss;
  }

  /** Tokens that share 24 causes. */
  private static float[] activations(int channels, int tokens, long seed) {
    Random causes = new Random(channels);
    float[] mix = new float[24 * channels];
    for (int i = 0; i < mix.length; i++) {
      mix[i] = (float) causes.nextGaussian() / 5;
    }
    Random random = new Random(seed);
    float[] x = new float[tokens * channels];
    for (int t = 0; t < tokens; t++) {
      for (int c = 0; c < channels; c++) {
        x[t * channels + c] = (float) random.nextGaussian() / 3;
      }
      for (int k = 0; k < 24; k++) {
        float strength = (float) random.nextGaussian();
        for (int c = 0; c < channels; c++) {
          x[t * channels + c] += strength * mix[k * channels + c];
        }
      }
    }
    return x;
  }

  /** Of this thread only, so that other load on the machine counts less. */
  private static long nanos() {
    return ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
  }

  private static double median(Runnable work) {
    double[] seconds = new double[ROUNDS];
    for (int i = 0; i < ROUNDS; i++) {
      long start = nanos();
      work.run();
      seconds[i] = (nanos() - start) / 1e9;
    }
    Arrays.sort(seconds);
    return seconds[ROUNDS / 2];
  }
}
