package org.noisyquant.bench;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Random;
import java.util.stream.Stream;
import org.noisyquant.graph.ActivationSite;
import org.noisyquant.graph.ActivationSite.Role;
import org.noisyquant.image.Preprocessor;
import org.noisyquant.onnx.ActivationTaps;
import org.noisyquant.onnx.OnnxModel;
import org.noisyquant.quant.NoisyBias;
import org.noisyquant.quant.NoisyQuantizer;
import org.noisyquant.runtime.MatMulRunner;
import org.noisyquant.runtime.ModelRunner;
import org.noisyquant.search.Candidate;
import org.noisyquant.search.CandidateGrid;
import org.noisyquant.search.CandidateScorer;
import org.noisyquant.search.CostModel;
import org.noisyquant.search.NoiseKind;
import org.noisyquant.search.OutputWeights;
import org.noisyquant.search.SiteChoice;
import org.noisyquant.search.SiteObjective;
import org.noisyquant.search.SiteQuantizer;
import org.noisyquant.search.SiteShortlist;
import org.noisyquant.search.SiteSolver;
import org.noisyquant.stats.SiteStatistics;
import org.noisyquant.stats.SiteStatistics.Part;
import org.noisyquant.testing.TestImages;

/**
 * Prediction against exact loss at every block site of a model: the short list of the guided
 * search, and random candidates with clips down to 0.3.
 *
 * <p>Arguments: {@code MODEL.onnx PREPROCESSING.json IMAGES COUNT BITS [none|uniform|optimized]
 * [rescale]}.
 */
public final class SearchBenchmark {
  private static final int RANDOM_CANDIDATES = 20;

  private SearchBenchmark() {}

  /** Prints a table, one line per site. */
  public static void main(String[] args) throws IOException {
    OnnxModel model = OnnxModel.read(Path.of(args[0]));
    int bits = Integer.parseInt(args[4]);
    NoiseKind noise =
        args.length > 5 ? NoiseKind.valueOf(args[5].toUpperCase(Locale.ROOT)) : NoiseKind.OPTIMIZED;
    boolean rescale = args.length > 6;
    List<ActivationSite> sites =
        model.graph().sites().stream().filter(site -> site.role() == Role.BLOCK).toList();
    List<List<float[]>> activations =
        activations(model, sites, Path.of(args[1]), Path.of(args[2]), Integer.parseInt(args[3]));
    System.out.println(
        "site                      s  list  best/mm   base  unif  opt   pred/exact list [lo hi]  random [lo hi]");
    double seconds = 0;
    double[] totals = new double[3];
    try (MatMulRunner products = MatMulRunner.open(2)) {
      for (int i = 0; i < sites.size(); i++) {
        seconds +=
            site(model, sites.get(i), activations.get(i), bits, noise, rescale, products, totals);
      }
    }
    System.out.printf("solved in %.2f s; sums %s%n", seconds, Arrays.toString(totals));
  }

  private static double site(
      OnnxModel model,
      ActivationSite site,
      List<float[]> images,
      int bits,
      NoiseKind noise,
      boolean rescale,
      MatMulRunner products,
      double[] totals) {
    SiteStatistics statistics =
        SiteStatistics.empty(site.index(), site.channels(), site.prefixTokens());
    images.forEach(x -> statistics.update(Part.CALIBRATION, x, x.length / site.channels()));
    List<float[]> layers = site.layers().stream().map(model::weight).toList();
    OutputWeights weights = OutputWeights.joined(site.channels(), layers);
    float[] absMax = new float[site.channels()];
    for (int c = 0; c < absMax.length; c++) {
      absMax[c] = statistics.absMax(Part.CALIBRATION, c);
    }
    long start = ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
    CostModel cost = new CostModel(bits, statistics, Part.CALIBRATION, 1, weights, true);
    boolean fold = rescale && !site.name().endsWith("fc2");
    float[] unit = NoisyBias.unit(0, site.index(), site.channels());
    SiteShortlist list =
        SiteSolver.solve(
            new SiteSolver.Problem(
                site.index(), noise, unit, CandidateGrid.AUTHORS, absMax, layers, bits, 1, fold),
            cost);
    double seconds = (ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime() - start) / 1e9;

    List<NoisyQuantizer> quantizers = new ArrayList<>();
    quantizers.add(list.minMax().quantizer());
    list.choices().forEach(choice -> quantizers.add(choice.quantizer()));
    SiteQuantizer plain = new SiteQuantizer(bits, list.absMax(), unit, list.rescale());
    Random random = new Random(site.index());
    for (int k = 0; k < RANDOM_CANDIDATES; k++) {
      Candidate candidate =
          new Candidate(
              0.3 + 0.7 * random.nextDouble(),
              2 * random.nextDouble() - 1,
              2 * random.nextDouble());
      quantizers.add(cost.corrected(plain.noisy(candidate)));
    }
    double[] predicted = cost.losses(quantizers);
    double[] exact = exact(weights, quantizers, images, products);
    double[] ratios = new double[quantizers.size()];
    Arrays.setAll(ratios, k -> predicted[k] / exact[k]);
    int end = 1 + list.choices().size();
    double[] best = new double[3];
    int[] where = new int[3];
    NoiseKind[] kinds = NoiseKind.values();
    for (int n = 0; n < kinds.length; n++) {
      best[n] = Double.NaN;
      int at = 0;
      for (int k = 0; k < list.choices().size(); k++) {
        SiteChoice choice = list.choices().get(k);
        if (choice.kind() == kinds[n]) {
          if (!(exact[1 + k] >= best[n])) {
            best[n] = exact[1 + k];
            where[n] = at;
          }
          at++;
        }
      }
      totals[n] += best[n];
    }
    System.out.printf(
        Locale.ROOT,
        "%-22s %5.2f  %3d   %.4f   %.4g  %.3f@%d %.3f@%d base@%d   %s   %s%n",
        site.name(),
        seconds,
        list.choices().size(),
        best[0] / exact[0],
        best[0],
        best[1] / best[0],
        where[1],
        best[2] / best[0],
        where[2],
        where[0],
        spread(ratios, 1, end),
        spread(ratios, end, ratios.length));
    return seconds;
  }

  private static String spread(double[] ratios, int from, int to) {
    double[] sorted = Arrays.copyOfRange(ratios, from, to);
    Arrays.sort(sorted);
    return String.format(
        Locale.ROOT,
        "%.3f [%.3f %.3f]",
        sorted[sorted.length / 2],
        sorted[0],
        sorted[sorted.length - 1]);
  }

  private static double[] exact(
      OutputWeights weights,
      List<NoisyQuantizer> quantizers,
      List<float[]> images,
      MatMulRunner products) {
    double[] totals = new double[quantizers.size()];
    double[] sums = new double[quantizers.size()];
    long values = 0;
    CandidateScorer scorer = new CandidateScorer(products);
    try (SiteObjective objective = SiteObjective.of(products, weights)) {
      for (float[] x : images) {
        int tokens = x.length / weights.channels();
        scorer.score(objective, quantizers, x, tokens, sums);
        Arrays.setAll(totals, k -> totals[k] + sums[k]);
        values += (long) tokens * weights.outputs();
      }
    }
    double count = values;
    Arrays.setAll(totals, k -> totals[k] / count);
    return totals;
  }

  private static List<List<float[]>> activations(
      OnnxModel model, List<ActivationSite> sites, Path preprocessing, Path images, int count)
      throws IOException {
    Preprocessor preprocessor = TestImages.preprocessor(preprocessing, model.graph());
    List<String> tensors = sites.stream().map(ActivationSite::tensor).toList();
    List<List<float[]>> activations = new ArrayList<>();
    sites.forEach(site -> activations.add(new ArrayList<>()));
    Path tapped = Files.createTempFile("tapped", ".onnx");
    Files.write(tapped, ActivationTaps.addTo(model, tensors));
    try (Stream<Path> files = Files.walk(images);
        ModelRunner runner = ModelRunner.open(tapped, 2);
        ModelRunner.Run run =
            runner.newRun(model.graph().height(), model.graph().width(), tensors)) {
      List<Path> chosen =
          files
              .filter(f -> f.toString().matches(".*\\.(JPEG|jpe?g|png)"))
              .sorted(Comparator.comparing(Path::toString))
              .limit(count)
              .toList();
      for (Path file : chosen) {
        run.run(TestImages.read(file, preprocessor));
        for (int i = 0; i < sites.size(); i++) {
          activations.get(i).add(run.values(i));
        }
      }
    } finally {
      Files.delete(tapped);
    }
    return activations;
  }
}
