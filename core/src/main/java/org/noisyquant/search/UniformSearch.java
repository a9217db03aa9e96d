package org.noisyquant.search;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.IntFunction;
import java.util.stream.IntStream;

/**
 * The paper's three searches on predicted losses, from coarse to fine: clip without noise, then
 * shift, then range, on the points of a grid. All that was predicted is remembered; the best of it
 * is worth a closer prediction and an exact score.
 */
final class UniformSearch {
  private static final int COARSE_CLIPS = 40;
  private static final int OCTAVES = 5;

  /** Clips to each side of the best in a round; of these, the next looks between neighbours. */
  private static final int FINER = 10;

  private static final int COARSE_SHIFTS = 50;
  private static final int COARSE_RANGES = 100;

  /** Fine ranges between two coarse ones. */
  private static final int FINE_RANGES = 4;

  /** Best points of a coarse curve that are looked at closely. */
  private static final int PEAKS = 3;

  /** Draws whose offsets are as close as this, in steps, are much alike. */
  private static final double ALIKE = 0.03;

  /** Finer clips are not looked at where the loss is so many times the least. */
  private static final double HOPELESS = 4;

  private final CostModel model;
  private final SiteQuantizer site;
  private final CandidateGrid grid;

  /** Predicted losses of clips without noise. */
  private final Map<Candidate, Double> clips = new LinkedHashMap<>();

  /** Of draws of noise, which are many and are compared roughly. */
  private final Map<Candidate, Double> draws = new LinkedHashMap<>();

  UniformSearch(CostModel model, SiteQuantizer site, CandidateGrid grid) {
    this.model = model;
    this.site = site;
    this.grid = grid;
  }

  /** The clip with the lowest predicted loss without noise. */
  Candidate bestClip() {
    int best = coarseClip();
    int reach = (int) Math.ceil(best * (1 - octaves(-1.0 / clipsOfOctave())));
    while (reach > 1) {
      int stride = Math.max(1, reach / FINER);
      best = bestClip(around(best, reach, stride, 1, grid.clips()));
      reach = stride;
    }
    return clip(best);
  }

  /**
   * The best of clips that are evenly spread on a logarithmic scale, from 1 to 1/32. From one to
   * the next finer, clipping can only grow: where it outweighs all, the rest is left out.
   */
  private int coarseClip() {
    int n = grid.clips();
    int best = n;
    for (int octave = 0; octave < OCTAVES; octave++) {
      List<Integer> indices = new ArrayList<>();
      for (int k = 0; k <= clipsOfOctave(); k++) {
        double share = octaves(-octave - (double) k / clipsOfOctave());
        indices.add((int) Math.max(1, Math.rint(n * share)));
      }
      int here = bestClip(indices);
      best = clips.get(clip(here)) < clips.get(clip(best)) ? here : best;
      double finest = clips.get(clip(indices.get(indices.size() - 1)));
      if (finest > HOPELESS * clips.get(clip(best))) {
        break;
      }
    }
    return best;
  }

  private static int clipsOfOctave() {
    return COARSE_CLIPS / OCTAVES;
  }

  private static double octaves(double number) {
    return Math.pow(2, number);
  }

  private Candidate clip(int i) {
    return new Candidate((double) i / grid.clips(), 0, 0);
  }

  /**
   * Looks at shifts and ranges at a clip: at all shifts without range, and at the ranges of the
   * best shifts.
   *
   * @param thinning how many times fewer candidates than usual are looked at
   */
  void lookAtNoise(Candidate clip, int thinning) {
    int shifts = grid.shifts();
    IntFunction<Candidate> shift = j -> new Candidate(clip.clip(), 2.0 * j / shifts, 0);
    int low = -(shifts / 2);
    int high = shifts - shifts / 2 - 1;
    int peaks = Math.max(1, PEAKS / thinning);
    for (int j : lookAt(low, high, thinning * shifts / COARSE_SHIFTS, thinning, peaks, shift)) {
      double mean = shift.apply(j).shift();
      int ranges = grid.ranges();
      IntFunction<Candidate> range = k -> new Candidate(clip.clip(), mean, 2.0 * k / ranges);
      int stride = thinning * ranges / COARSE_RANGES;
      lookAt(0, ranges - 1, stride, Math.max(1, stride / FINE_RANGES), peaks, range);
    }
  }

  /** Looks at some of these indices and closer around the best; the best of these. */
  private List<Integer> lookAt(
      int low,
      int high,
      int coarseStride,
      int fineStride,
      int peaks,
      IntFunction<Candidate> candidate) {
    int stride = Math.max(1, coarseStride);
    List<Integer> spread = strided(low, high, stride);
    predict(spread, candidate, draws);
    List<Integer> best = new ArrayList<>();
    for (int k : sorted(spread, candidate, draws).subList(0, Math.min(peaks, spread.size()))) {
      List<Integer> near = around(k, stride - 1, fineStride, low, high);
      predict(near, candidate, draws);
      best.add(sorted(near, candidate, draws).get(0));
    }
    return best;
  }

  /** How many candidates were predicted. */
  int predictions() {
    return clips.size() + draws.size();
  }

  /**
   * A clip of the grid.
   *
   * @param octaves by how many it is wider than another one
   */
  Candidate wider(Candidate clip, double octaves) {
    double index = Math.rint(clip.clip() * octaves(octaves) * grid.clips());
    return clip((int) Math.max(1, Math.min(grid.clips(), index)));
  }

  /**
   * Draws of noise that were looked at with a clip, from the best predicted one. Of such that are
   * much alike only the best is there.
   */
  List<Candidate> bestDraws(Candidate clip, int count) {
    List<Candidate> unlike = new ArrayList<>();
    for (Candidate draw : best(draws, draws.size())) {
      if (unlike.size() < count
          && draw.clip() == clip.clip()
          && !draw.isNoiseless()
          && unlike.stream().noneMatch(other -> alike(other, draw))) {
        unlike.add(draw);
      }
    }
    return unlike;
  }

  private static boolean alike(Candidate a, Candidate b) {
    return Math.abs(a.shift() - b.shift()) + Math.abs(a.range() - b.range()) / 2 < ALIKE;
  }

  private static List<Candidate> best(Map<Candidate, Double> losses, int count) {
    return losses.keySet().stream()
        .sorted(Comparator.comparingDouble(losses::get))
        .limit(count)
        .toList();
  }

  private int bestClip(List<Integer> indices) {
    predict(indices, this::clip, clips);
    return sorted(indices, this::clip, clips).get(0);
  }

  private void predict(
      List<Integer> indices, IntFunction<Candidate> candidate, Map<Candidate, Double> losses) {
    List<Candidate> open =
        indices.stream()
            .map(candidate::apply)
            .filter(c -> !losses.containsKey(c))
            .distinct()
            .toList();
    double[] predicted = model.losses(open.stream().map(site::noisy).toList());
    for (int k = 0; k < predicted.length; k++) {
      losses.put(open.get(k), predicted[k]);
    }
  }

  private static List<Integer> sorted(
      List<Integer> indices, IntFunction<Candidate> candidate, Map<Candidate, Double> losses) {
    return indices.stream()
        .sorted(Comparator.comparingDouble(i -> losses.get(candidate.apply(i))))
        .toList();
  }

  private static List<Integer> strided(int from, int to, int stride) {
    // Zero is always among them: no shift, no range.
    return IntStream.rangeClosed(from, to).filter(i -> i % stride == 0).boxed().toList();
  }

  private static List<Integer> around(int centre, int reach, int stride, int low, int high) {
    List<Integer> indices = new ArrayList<>();
    for (int d = -reach; d <= reach; d += stride) {
      indices.add(Math.max(low, Math.min(high, centre + d)));
    }
    indices.add(centre);
    return indices.stream().distinct().toList();
  }
}
