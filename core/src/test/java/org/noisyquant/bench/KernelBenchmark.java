package org.noisyquant.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.noisyquant.graph.ActivationSite;
import org.noisyquant.onnx.ActivationTaps;
import org.noisyquant.onnx.OnnxModel;
import org.noisyquant.quant.NoisyBias;
import org.noisyquant.quant.NoisyQuantizer;
import org.noisyquant.quant.UniformQuantizer;
import org.noisyquant.runtime.MatMulRunner;
import org.noisyquant.runtime.ModelRunner;
import org.noisyquant.stats.ChannelHistograms;
import org.noisyquant.testing.Npy;
import org.noisyquant.testing.TestData;
import org.noisyquant.testing.TestImages;

/**
 * Times the kernels that see every activation value, on the activations of one image at all sites
 * of a model, with one thread. All kernels take turns in each round and are related to the plain
 * FP32 forward of that round; medians over rounds withstand other load on the machine.
 *
 * <p>Arguments: {@code MODEL.onnx PIXELS.npy}, the pixels [images, 3, height, width] of which the
 * first image is used. Without arguments the small Fashion-MNIST ViT of the test files.
 */
public final class KernelBenchmark implements AutoCloseable {
  private static final int WARM_UP_ROUNDS = 10;
  private static final int ROUNDS = 41;

  /** Each kernel repeats for this long in each round. */
  private static final long ROUND_NANOS = 40_000_000;

  private static final String FORWARD = "FP32 forward";
  private static final int BITS = 6;

  private final float[] pixels;
  private final List<ActivationSite> sites;
  private final List<float[]> activations = new ArrayList<>();
  private final ModelRunner runner;
  private final ModelRunner.Run forward;
  private final ModelRunner.Run tapped;
  private final MatMulRunner products = MatMulRunner.open(1);
  private final Map<String, Kernel> kernels = new LinkedHashMap<>();

  /**
   * Something to time.
   *
   * @param work how many units one call does
   * @param unit of the work: value or FLOP
   */
  private record Kernel(double work, String unit, Runnable call) {}

  private KernelBenchmark(OnnxModel model, float[] pixels, Path file) throws IOException {
    this.pixels = pixels;
    sites = model.graph().sites();
    List<String> tensors = sites.stream().map(ActivationSite::tensor).toList();
    Files.write(file, ActivationTaps.addTo(model, tensors).bytes());
    int height = model.graph().height();
    int width = model.graph().width();
    runner = ModelRunner.open(file, 1);
    forward = runner.newRun(height, width, List.of(model.graph().output()));
    tapped = runner.newRun(height, width, tensors);
    tapped.run(pixels);
    for (int i = 0; i < sites.size(); i++) {
      activations.add(tapped.values(i));
    }
  }

  /** Prints a Markdown table. */
  public static void main(String[] args) throws IOException {
    Path modelFile = args.length > 0 ? Path.of(args[0]) : TestData.fashion("fashion_vit.onnx");
    Path pixelFile =
        args.length > 1
            ? Path.of(args[1])
            : TestData.fashion("fashion_vit_golden_pixel_values.npy");
    OnnxModel model = OnnxModel.read(modelFile);
    Path file = Files.createTempFile("tapped", ".onnx");
    try (KernelBenchmark benchmark =
        new KernelBenchmark(model, TestImages.row(Npy.read(pixelFile), 0), file)) {
      benchmark.addKernels();
      System.out.println(benchmark.table(benchmark.run()));
    } finally {
      Files.delete(file);
    }
  }

  private void addKernels() {
    long values = activations.stream().mapToLong(x -> x.length).sum();
    double flops = 0;
    for (int i = 0; i < sites.size(); i++) {
      flops += 2.0 * activations.get(i).length * sites.get(i).outputs();
    }
    kernels.put(FORWARD, new Kernel(flops, "FLOP", () -> forward.run(pixels)));
    kernels.put("forward with all sites copied", new Kernel(flops, "FLOP", this::copyTaps));
    kernels.put("System.arraycopy", new Kernel(values, "value", copy()));
    kernels.put("ChannelHistograms.update", new Kernel(values, "value", histograms()));
    kernels.put("NoisyQuantizer.error", new Kernel(values, "value", errors()));
    addProducts();
  }

  private void copyTaps() {
    tapped.run(pixels);
    for (int i = 0; i < sites.size(); i++) {
      tapped.copyTo(i, activations.get(i));
    }
  }

  private Runnable copy() {
    float[] target = new float[largest()];
    return () -> activations.forEach(x -> System.arraycopy(x, 0, target, 0, x.length));
  }

  private Runnable histograms() {
    List<ChannelHistograms> histograms =
        sites.stream().map(site -> ChannelHistograms.empty(site.channels())).toList();
    return () -> {
      for (int i = 0; i < sites.size(); i++) {
        histograms.get(i).update(activations.get(i), 0, tokens(i));
      }
    };
  }

  private Runnable errors() {
    List<NoisyQuantizer> quantizers = new ArrayList<>();
    for (int i = 0; i < sites.size(); i++) {
      float max = 0;
      for (float v : activations.get(i)) {
        max = Math.max(max, Math.abs(v));
      }
      float step = 0.6f * max / UniformQuantizer.maxLevel(BITS);
      float[] unit = NoisyBias.unit(1, i, sites.get(i).channels());
      quantizers.add(
          NoisyQuantizer.uniform(
              new UniformQuantizer(BITS, step), NoisyBias.scaled(unit, step, 0.25, 0.5)));
    }
    float[] error = new float[largest()];
    return () -> {
      for (int i = 0; i < sites.size(); i++) {
        quantizers.get(i).error(activations.get(i), tokens(i), error, 0);
      }
    };
  }

  /** The products of one candidate at all sites, with factors of the size that the search uses. */
  private void addProducts() {
    Random random = new Random(1);
    List<MatMulRunner.Matrix> factors = new ArrayList<>();
    double flops = 0;
    for (int i = 0; i < sites.size(); i++) {
      int channels = sites.get(i).channels();
      int columns = Math.min(channels, sites.get(i).outputs());
      float[] factor = new float[channels * columns];
      for (int k = 0; k < factor.length; k++) {
        factor[k] = (float) random.nextGaussian();
      }
      factors.add(products.matrix(factor, channels, columns));
      flops += 2.0 * activations.get(i).length * columns;
    }
    float[] norms = new float[largest()];
    MatMulRunner.Run run = products.newRun();
    kernels.put(
        "MatMulRunner.squaredRowNorms",
        new Kernel(
            flops,
            "FLOP",
            () -> {
              for (int i = 0; i < sites.size(); i++) {
                run.squaredRowNorms(activations.get(i), tokens(i), factors.get(i), norms);
              }
            }));
  }

  private int tokens(int site) {
    return activations.get(site).length / sites.get(site).channels();
  }

  private int largest() {
    return activations.stream().mapToInt(x -> x.length).max().orElseThrow();
  }

  /** Nanoseconds of one call by kernel and round. */
  private Map<String, double[]> run() {
    Map<String, double[]> nanos = new LinkedHashMap<>();
    kernels.keySet().forEach(name -> nanos.put(name, new double[ROUNDS]));
    for (int round = -WARM_UP_ROUNDS; round < ROUNDS; round++) {
      for (Map.Entry<String, Kernel> entry : kernels.entrySet()) {
        double time = time(entry.getValue().call());
        if (round >= 0) {
          nanos.get(entry.getKey())[round] = time;
        }
      }
    }
    return nanos;
  }

  private static double time(Runnable call) {
    long start = System.nanoTime();
    long elapsed;
    int calls = 0;
    do {
      call.run();
      calls++;
      elapsed = System.nanoTime() - start;
    } while (elapsed < ROUND_NANOS);
    return (double) elapsed / calls;
  }

  private String table(Map<String, double[]> nanos) {
    StringBuilder table =
        new StringBuilder(
            "| kernel | ms per image | speed | of the forward |\n|---|---|---|---|\n");
    double[] reference = nanos.get(FORWARD);
    nanos.forEach(
        (name, times) -> {
          Kernel kernel = kernels.get(name);
          double[] ratios = new double[times.length];
          for (int r = 0; r < ratios.length; r++) {
            ratios[r] = times[r] / reference[r];
          }
          double time = median(times);
          String speed =
              kernel.unit().equals("FLOP")
                  ? String.format("%.0f GFLOP/s", kernel.work() / time)
                  : String.format("%.2f ns/value", time / kernel.work());
          table.append(
              String.format(
                  "| %s | %.2f | %s | %.3f |%n", name, time / 1e6, speed, median(ratios)));
        });
    return table.toString();
  }

  private static double median(double[] values) {
    double[] sorted = values.clone();
    Arrays.sort(sorted);
    return sorted[sorted.length / 2];
  }

  @Override
  public void close() {
    forward.close();
    tapped.close();
    runner.close();
    products.close();
  }
}
