package org.noisyquant.bench;

import java.lang.management.ManagementFactory;
import java.util.Arrays;
import java.util.Random;
import org.noisyquant.quant.Gptq;
import org.noisyquant.quant.LinearQuantizer;
import org.noisyquant.quant.QuantizedWeight;
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
  private static final int TOKENS = 50;
  private static final int BITS = 4;
  private static final int WARM_UP_ROUNDS = 20;

  /** Updates of one measurement; the median of nine counts. */
  private static final double UPDATE_PRODUCTS = 5e7;

  private static final int ROUNDS = 9;

  private WeightBenchmark() {}

  /** Prints two Markdown tables. */
  public static void main(String[] args) {
    System.out.println(
        "| moments, " + TOKENS + " tokens | µs per image | ns per product | update and products |");
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
    InputMoments moments = InputMoments.empty(0, channels, true, new InputMoments.Bounds(100, 1e9));
    float[] x = activations(channels, TOKENS, 1);
    float[] z = quantized(x);
    double products = 0.5 * channels * (channels + 1) + (double) channels * channels;
    double[] sink = new double[1];
    int calls = (int) Math.max(1, UPDATE_PRODUCTS / products);
    for (int i = 0; i < WARM_UP_ROUNDS; i++) {
      moments.update(z, x, TOKENS, null, run);
    }
    double whole =
        median(
            () -> {
              for (int i = 0; i < calls; i++) {
                moments.update(z, x, TOKENS, null, run);
              }
            });
    double multiply =
        median(
            () -> {
              for (int i = 0; i < calls; i++) {
                run.forEachRow(
                    z, x, TOKENS, channels, null, (c, quantized, cross) -> sink[0] += cross[c]);
              }
            });
    System.out.printf(
        "| C = %d | %.0f | %.2f | of which products and copy %.2f |%n",
        channels,
        whole / calls * 1e6,
        whole / calls * 1e9 / products,
        multiply / calls * 1e9 / products);
  }

  private static void weights(MomentsRunner runner, int channels, int outputs) {
    MomentsRunner.Run run = runner.newRun();
    InputMoments moments = InputMoments.empty(0, channels, true, new InputMoments.Bounds(100, 1e9));
    for (int image = 0; image < 64; image++) {
      float[] x = activations(channels, TOKENS, 2 + image);
      moments.update(quantized(x), x, TOKENS, null, run);
    }
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

  private static float[] quantized(float[] x) {
    float[] z = new float[x.length];
    for (int i = 0; i < x.length; i++) {
      z[i] = (float) Math.rint(2 * x[i]) / 2;
    }
    return z;
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
