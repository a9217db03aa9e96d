package org.noisyquant.search;

import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.noisyquant.quant.NoisyQuantizer;
import org.noisyquant.quant.UniformQuantizer;

/**
 * Solves one site on its statistics: channel rescale, step, noisy bias. The result is a short list
 * around the best predicted quantizer of each kind; the images choose from it.
 */
public final class SiteSolver {
  /** Steps of a kind on the short list are this many to an octave apart. */
  private static final int FINE_PER_OCTAVE = 8;

  /** Fine steps on the short list, from the best predicted one. */
  private static final int[] LISTED = {-1, 0, 1};

  /** Uniform draws at each clip on the short list, where they are the only noise. */
  private static final int DRAWS = 4;

  /** Uniform draws beside optimized offsets. */
  private static final int FEW_DRAWS = 1;

  /** How many times fewer draws are looked at for them. */
  private static final int THINNING = 4;

  private final Problem problem;
  private final CostModel model;

  /**
   * What is to be solved.
   *
   * @param site topological index
   * @param noise which noisy biases may be chosen; others of lesser freedom always may
   * @param unit u [channels] of uniform noise
   * @param grid points of the uniform search
   * @param absMax largest magnitude of each channel on the calibration part [channels]
   * @param weights W in FP32 of each layer [channels, outputs of the layer]
   * @param weightBits of these layers
   * @param weightErrorShare of the error of rounding to nearest, what the rounding that is used
   *     leaves
   * @param rescale whether the site's producer absorbs a channel rescale and one is wanted
   */
  @SuppressWarnings("ArrayRecordComponent") // Never compared or printed.
  public record Problem(
      int site,
      NoiseKind noise,
      float[] unit,
      CandidateGrid grid,
      float[] absMax,
      List<float[]> weights,
      int weightBits,
      double weightErrorShare,
      boolean rescale) {}

  private SiteSolver(Problem problem, CostModel model) {
    this.problem = problem;
    this.model = model;
  }

  /** The short list of a site. */
  public static SiteShortlist solve(Problem problem, CostModel model) {
    return new SiteSolver(problem, model).solve();
  }

  private SiteShortlist solve() {
    float[] rescale = null;
    int[] moves = new int[model.channels()];
    boolean optimized = problem.noise() == NoiseKind.OPTIMIZED;
    float widest = absMax(null) / UniformQuantizer.maxLevel(model.bits());
    float top = widest > 0 ? widest : 1f;
    StepTable table =
        optimized || problem.rescale()
            ? new StepTable(model, top, optimized, problem.rescale())
            : null;
    if (problem.rescale()) {
      moves =
          new RescaleSearch(
                  model, table, problem.weights(), problem.weightBits(), problem.weightErrorShare())
              .moves();
      rescale = RescaleSearch.rescale(moves);
    }
    SiteQuantizer site = new SiteQuantizer(model.bits(), absMax(rescale), problem.unit(), rescale);
    List<SiteChoice> choices = new ArrayList<>();
    addUniform(choices, site);
    if (optimized) {
      double step = table.step(table.common(model, moves).place());
      addSteps(choices, site, clipOf(site, step), true);
    }
    SiteQuantizer plain = new SiteQuantizer(model.bits(), absMax(null), problem.unit());
    NoisyQuantizer minMax = model.corrected(plain.noisy(Candidate.MIN_MAX));
    double predicted = model.losses(List.of(minMax))[0];
    return new SiteShortlist(
        problem.site(),
        site.absMax(),
        rescale,
        model.means(),
        model.spreads(),
        SiteChoice.of(NoiseKind.NONE, Candidate.MIN_MAX, plain, minMax, predicted),
        choices);
  }

  /** A, the largest magnitude of x/c. */
  private float absMax(float[] rescale) {
    float largest = 0;
    for (int c = 0; c < problem.absMax().length; c++) {
      float bound = problem.absMax()[c];
      largest = Math.max(largest, rescale == null ? bound : bound / rescale[c]);
    }
    return largest;
  }

  private static double clipOf(SiteQuantizer site, double step) {
    float widest = site.quantizer(Candidate.MIN_MAX).step();
    return Math.min(1, step / widest);
  }

  /** Adds steps around one, without noise or each with its best offsets. */
  private void addSteps(
      List<SiteChoice> choices, SiteQuantizer site, double clip, boolean offsets) {
    Set<Double> clips = new LinkedHashSet<>();
    for (int k : LISTED) {
      clips.add(Math.min(1, clip * Math.pow(2, (double) k / FINE_PER_OCTAVE)));
    }
    List<Candidate> candidates = clips.stream().map(c -> new Candidate(c, 0, 0)).toList();
    List<NoisyQuantizer> plain = candidates.stream().map(site::noisy).toList();
    List<NoisyQuantizer> quantizers = offsets ? withOffsets(model, plain) : model.corrected(plain);
    double[] losses = model.losses(quantizers);
    NoiseKind kind = offsets ? NoiseKind.OPTIMIZED : NoiseKind.NONE;
    for (int k = 0; k < losses.length; k++) {
      choices.add(SiteChoice.of(kind, candidates.get(k), site, quantizers.get(k), losses[k]));
    }
  }

  /** Adds the paper's candidates: clips without noise, and draws of uniform noise. */
  private void addUniform(List<SiteChoice> choices, SiteQuantizer site) {
    UniformSearch search = new UniformSearch(model, site, problem.grid());
    Candidate clip = search.bestClip();
    // The same list for every kind of noise: all are compared with the same baseline.
    addSteps(choices, site, clip.clip(), false);
    if (problem.noise() == NoiseKind.UNIFORM) {
      // A draw's exact loss differs from what is predicted mostly by its clip.
      Set<Candidate> clips = new LinkedHashSet<>();
      for (int k : LISTED) {
        clips.add(search.wider(clip, (double) k / FINE_PER_OCTAVE));
      }
      for (Candidate listed : clips) {
        search.lookAtNoise(listed, 1);
        add(choices, NoiseKind.UNIFORM, site, search.bestDraws(listed, DRAWS));
      }
    } else if (problem.noise() == NoiseKind.OPTIMIZED) {
      search.lookAtNoise(clip, THINNING);
      add(choices, NoiseKind.UNIFORM, site, search.bestDraws(clip, FEW_DRAWS));
    }
  }

  private void add(
      List<SiteChoice> choices, NoiseKind kind, SiteQuantizer site, List<Candidate> candidates) {
    List<NoisyQuantizer> quantizers =
        model.corrected(candidates.stream().map(site::noisy).toList());
    double[] losses = model.losses(quantizers);
    for (int k = 0; k < losses.length; k++) {
      choices.add(SiteChoice.of(kind, candidates.get(k), site, quantizers.get(k), losses[k]));
    }
  }

  /**
   * The same steps, each with the best offset of each channel.
   *
   * @param plain without noise, of similar steps
   */
  static List<NoisyQuantizer> withOffsets(CostModel model, List<NoisyQuantizer> plain) {
    int count = plain.size();
    float[][] noise = new float[count][model.channels()];
    OffsetSearch search =
        new OffsetSearch(
            model.bits(), model.correctsBias(), model.unseen(), count, OffsetSearch.FINE);
    float[] steps = new float[count];
    for (int c = 0; c < model.channels(); c++) {
      for (int k = 0; k < count; k++) {
        steps[k] = plain.get(k).steps()[c];
      }
      search.search(model.channel(c), steps, count);
      for (int k = 0; k < count; k++) {
        noise[k][c] = search.offset(k);
      }
    }
    List<NoisyQuantizer> quantizers = new ArrayList<>();
    for (int k = 0; k < count; k++) {
      quantizers.add(new NoisyQuantizer(model.bits(), plain.get(k).steps(), noise[k], noise[k]));
    }
    return model.corrected(quantizers);
  }
}
