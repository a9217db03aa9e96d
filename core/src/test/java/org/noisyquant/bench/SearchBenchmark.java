package org.noisyquant.bench;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.function.Function;
import java.util.function.ToDoubleFunction;
import org.noisyquant.image.Preprocessor;
import org.noisyquant.onnx.OnnxModel;
import org.noisyquant.search.NoiseKind;
import org.noisyquant.search.PredictionTrial;
import org.noisyquant.testing.TestImages;

/**
 * Prediction against exact loss at the linear layers of a model's blocks: for the 20 best predicted
 * choices of the guided search, and 20 random candidates with clips down to 0.3. Regret is against
 * all of these and 17 more steps with optimized offsets.
 *
 * <p>Arguments: {@code MODEL.onnx PREPROCESSING.json IMAGES COUNT BITS [none|uniform|optimized]
 * [sites]}; with {@code sites} every site has a line of its own.
 */
public final class SearchBenchmark {
  private static final int THREADS = 2;
  private static final double SMALL_REGRET = 0.005;

  private SearchBenchmark() {}

  /** Prints a Markdown table. */
  public static void main(String[] args) throws IOException {
    OnnxModel model = OnnxModel.read(Path.of(args[0]));
    Preprocessor preprocessor = TestImages.preprocessor(Path.of(args[1]), model.graph());
    List<float[]> images =
        TestImages.first(Path.of(args[2]), Integer.parseInt(args[3]), preprocessor);
    int bits = Integer.parseInt(args[4]);
    NoiseKind noise =
        args.length > 5 ? NoiseKind.valueOf(args[5].toUpperCase(Locale.ROOT)) : NoiseKind.OPTIMIZED;
    List<PredictionTrial> trials =
        PredictionTrial.ofBlocks(model, site -> true, images, bits, noise, THREADS);
    System.out.printf(
        Locale.ROOT,
        "%d bits, %d images, noise %s; predicted/exact as median [least, largest]%n%n",
        bits,
        images.size(),
        noise.name().toLowerCase(Locale.ROOT));
    System.out.println(
        "| sites | best predicted | random | regret of the list, mean and largest"
            + " | list for a regret of 0.5 % | optimized / no noise | solving, CPU s |");
    System.out.println("|---|---|---|---|---|---|---|");
    if (args.length > 6) {
      trials.forEach(trial -> print(trial.site(), List.of(trial)));
    }
    print("fed by LayerNorm", trials.stream().filter(PredictionTrial::normFed).toList());
    print("others", trials.stream().filter(trial -> !trial.normFed()).toList());
    print("all", trials);
  }

  private static void print(String name, List<PredictionTrial> trials) {
    if (trials.isEmpty()) {
      return;
    }
    System.out.printf(
        Locale.ROOT,
        "| %s (%d) | %s | %s | %.2f %%, %.2f %% | %d of %d | %.3f | %.1f |%n",
        name,
        trials.size(),
        spread(trials, PredictionTrial::bestRatios),
        spread(trials, PredictionTrial::randomRatios),
        100 * sum(trials, PredictionTrial::regret) / trials.size(),
        100 * trials.stream().mapToDouble(PredictionTrial::regret).max().orElseThrow(),
        trials.stream().mapToInt(t -> t.lengthFor(SMALL_REGRET)).max().orElseThrow(),
        trials.stream().mapToInt(t -> t.list().size()).max().orElseThrow(),
        sum(trials, t -> best(t, NoiseKind.OPTIMIZED) / best(t, NoiseKind.NONE)) / trials.size(),
        sum(trials, PredictionTrial::seconds));
  }

  /** The least exact loss of a kind; NaN where the list has none of it. */
  private static double best(PredictionTrial trial, NoiseKind kind) {
    double best = Double.NaN;
    for (int k = 0; k < trial.list().size(); k++) {
      if (trial.list().get(k).kind() == kind && !(trial.exact()[k] >= best)) {
        best = trial.exact()[k];
      }
    }
    return best;
  }

  private static double sum(List<PredictionTrial> trials, ToDoubleFunction<PredictionTrial> of) {
    return trials.stream().mapToDouble(of).sum();
  }

  private static String spread(
      List<PredictionTrial> trials, Function<PredictionTrial, double[]> ratios) {
    double[] all =
        trials.stream().flatMapToDouble(t -> Arrays.stream(ratios.apply(t))).sorted().toArray();
    return String.format(
        Locale.ROOT, "%.3f [%.3f, %.3f]", all[all.length / 2], all[0], all[all.length - 1]);
  }
}
