package org.noisyquant.search;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Random;
import java.util.function.Predicate;
import java.util.stream.IntStream;
import org.noisyquant.graph.ActivationSite;
import org.noisyquant.graph.ActivationSite.Role;
import org.noisyquant.graph.NoiseFold;
import org.noisyquant.onnx.ActivationTaps;
import org.noisyquant.onnx.OnnxModel;
import org.noisyquant.onnx.SiteFolds;
import org.noisyquant.quant.NoisyBias;
import org.noisyquant.quant.NoisyQuantizer;
import org.noisyquant.runtime.FoldProbe;
import org.noisyquant.runtime.MatMulRunner;
import org.noisyquant.runtime.ModelRunner;
import org.noisyquant.stats.SiteStatistics;
import org.noisyquant.stats.SiteStatistics.Part;

/**
 * Predicted and exact losses at one site of a model: of the short list that its statistics lead to,
 * of random candidates with clips down to 0.3, and of more steps with optimized offsets, an octave
 * to either side of the list's best.
 *
 * @param site its name
 * @param normFed whether its noise folds into a LayerNorm; then channels are rescaled
 * @param list the choices
 * @param predicted losses of the choices, then of the random candidates, then of the steps
 * @param exact losses of the same, on all tokens of the images
 * @param seconds of processor time that solving took
 */
@SuppressWarnings("ArrayRecordComponent") // Never compared or printed.
public record PredictionTrial(
    String site,
    boolean normFed,
    List<SiteChoice> list,
    double[] predicted,
    double[] exact,
    double seconds) {
  private static final int RANDOM_CANDIDATES = 20;
  private static final int BEST_PREDICTED = 20;
  private static final int WIDER_PER_OCTAVE = 8;

  /** Predicted by exact loss of the best predicted choices and steps, ascending. */
  public double[] bestRatios() {
    int steps = list.size() + RANDOM_CANDIDATES;
    IntStream all =
        IntStream.concat(IntStream.range(0, list.size()), IntStream.range(steps, exact.length));
    return ratios(byPrediction(all).limit(BEST_PREDICTED));
  }

  /** Predicted by exact loss of the random candidates, ascending. */
  public double[] randomRatios() {
    return ratios(IntStream.range(list.size(), list.size() + RANDOM_CANDIDATES));
  }

  /** By how much the best choice is worse than the best of all that was scored; 0 if it is that. */
  public double regret() {
    return regret(list.size());
  }

  /** How many of the best predicted choices it takes for a regret of at most {@code most}. */
  public int lengthFor(double most) {
    int length = 1;
    while (length < list.size() && regret(length) > most) {
      length++;
    }
    return length;
  }

  private double regret(int length) {
    IntStream best = byPrediction(IntStream.range(0, list.size())).limit(length);
    double found = best.mapToDouble(k -> exact[k]).min().orElseThrow();
    return found / Arrays.stream(exact).min().orElseThrow() - 1;
  }

  private IntStream byPrediction(IntStream indices) {
    return indices.boxed().sorted(Comparator.comparingDouble(k -> predicted[k])).mapToInt(k -> k);
  }

  private double[] ratios(IntStream indices) {
    return indices.mapToDouble(k -> predicted[k] / exact[k]).sorted().toArray();
  }

  /**
   * Trials of linear layers of the blocks, with biases corrected and FP32 weights.
   *
   * @param blocks which of their sites
   * @param images pixels of each
   * @param noise the kinds on the short lists
   */
  public static List<PredictionTrial> ofBlocks(
      OnnxModel model,
      Predicate<ActivationSite> blocks,
      List<float[]> images,
      int bits,
      NoiseKind noise,
      int threads)
      throws IOException {
    List<ActivationSite> sites =
        model.graph().sites().stream()
            .filter(site -> site.role() == Role.BLOCK && blocks.test(site))
            .toList();
    List<List<float[]>> activations = activations(model, sites, images, threads);
    SiteFolds folds = FoldProbe.folds(model);
    List<PredictionTrial> trials = new ArrayList<>();
    try (MatMulRunner products = MatMulRunner.open(threads)) {
      for (int i = 0; i < sites.size(); i++) {
        boolean normFed = folds.fold(sites.get(i)) instanceof NoiseFold.IntoLayerNorm;
        trials.add(of(model, sites.get(i), normFed, activations.get(i), bits, noise, products));
      }
    }
    return trials;
  }

  private static PredictionTrial of(
      OnnxModel model,
      ActivationSite site,
      boolean normFed,
      List<float[]> images,
      int bits,
      NoiseKind noise,
      MatMulRunner products) {
    SiteStatistics statistics =
        SiteStatistics.empty(site.index(), site.channels(), site.prefixTokens());
    images.forEach(x -> statistics.update(Part.CALIBRATION, x, x.length / site.channels()));
    List<float[]> layers = site.layers().stream().map(model::weight).toList();
    OutputWeights weights = OutputWeights.joined(site.channels(), layers);
    float[] absMax = new float[site.channels()];
    for (int c = 0; c < absMax.length; c++) {
      absMax[c] = statistics.absMax(Part.CALIBRATION, c);
    }
    float[] unit = NoisyBias.unit(0, site.index(), site.channels());
    long start = ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
    CostModel cost = new CostModel(bits, statistics, Part.CALIBRATION, 1, weights, true);
    SiteShortlist list =
        SiteSolver.solve(
            new SiteSolver.Problem(
                site.index(), noise, unit, CandidateGrid.AUTHORS, absMax, layers, bits, 1, normFed),
            cost);
    double seconds = (ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime() - start) / 1e9;
    List<NoisyQuantizer> quantizers = new ArrayList<>();
    list.choices().forEach(choice -> quantizers.add(choice.quantizer()));
    SiteQuantizer rescaled = new SiteQuantizer(bits, list.absMax(), unit, list.rescale());
    quantizers.addAll(cost.corrected(random(site.index(), rescaled)));
    if (noise == NoiseKind.OPTIMIZED) {
      quantizers.addAll(wider(cost, rescaled, list));
    }
    double[] predicted = cost.losses(quantizers);
    for (int k = 0; k < list.choices().size(); k++) {
      predicted[k] = list.choices().get(k).predicted();
    }
    return new PredictionTrial(
        site.name(),
        normFed,
        list.choices(),
        predicted,
        exact(weights, quantizers, images, products),
        seconds);
  }

  private static List<NoisyQuantizer> wider(
      CostModel cost, SiteQuantizer site, SiteShortlist list) {
    SiteChoice best =
        list.choices().stream()
            .min(Comparator.comparingDouble(SiteChoice::predicted))
            .orElseThrow();
    List<NoisyQuantizer> quantizers = new ArrayList<>();
    for (int k = -WIDER_PER_OCTAVE; k <= WIDER_PER_OCTAVE; k++) {
      double clip = best.candidate().clip() * Math.pow(2, (double) k / WIDER_PER_OCTAVE);
      NoisyQuantizer plain = site.noisy(new Candidate(Math.min(1, clip), 0, 0));
      quantizers.addAll(SiteSolver.withOffsets(cost, List.of(plain)));
    }
    return quantizers;
  }

  private static List<NoisyQuantizer> random(long seed, SiteQuantizer site) {
    Random random = new Random(seed);
    List<NoisyQuantizer> quantizers = new ArrayList<>();
    for (int k = 0; k < RANDOM_CANDIDATES; k++) {
      double clip = 0.3 + 0.7 * random.nextDouble();
      double shift = 2 * random.nextDouble() - 1;
      quantizers.add(site.noisy(new Candidate(clip, shift, 2 * random.nextDouble())));
    }
    return quantizers;
  }

  private static double[] exact(
      OutputWeights weights,
      List<NoisyQuantizer> quantizers,
      List<float[]> images,
      MatMulRunner products) {
    double[] totals = new double[quantizers.size()];
    double[] sums = new double[quantizers.size()];
    double values = 0;
    CandidateScorer scorer = new CandidateScorer(products);
    try (SiteObjective objective = SiteObjective.of(products, weights)) {
      for (float[] x : images) {
        int tokens = x.length / weights.channels();
        scorer.score(objective, quantizers, x, tokens, sums);
        Arrays.setAll(totals, k -> totals[k] + sums[k]);
        values += (double) tokens * weights.outputs();
      }
    }
    for (int k = 0; k < totals.length; k++) {
      totals[k] /= values;
    }
    return totals;
  }

  /** By site and image. */
  private static List<List<float[]>> activations(
      OnnxModel model, List<ActivationSite> sites, List<float[]> images, int threads)
      throws IOException {
    List<String> tensors = sites.stream().map(ActivationSite::tensor).toList();
    List<List<float[]>> activations = new ArrayList<>();
    sites.forEach(site -> activations.add(new ArrayList<>()));
    Path tapped = Files.createTempFile("tapped", ".onnx");
    Files.write(tapped, ActivationTaps.addTo(model, tensors).bytes());
    try (ModelRunner runner = ModelRunner.open(tapped, threads);
        ModelRunner.Run run =
            runner.newRun(model.graph().height(), model.graph().width(), tensors)) {
      for (float[] pixels : images) {
        run.run(pixels);
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
