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
 * is worth an exact score.
 */
final class UniformSearch {
  private static final int COARSE_CLIPS = 40;
  private static final int COARSE_SHIFTS = 50;
  private static final int COARSE_RANGES = 250;

  /** Peaks of the coarse range curve that are looked at closely. */
  private static final int RANGE_PEAKS = 6;

  private final CostModel model;
  private final SiteQuantizer site;
  private final CandidateGrid grid;
  private final Map<Candidate, Double> predicted = new LinkedHashMap<>();

  UniformSearch(CostModel model, SiteQuantizer site, CandidateGrid grid) {
    this.model = model;
    this.site = site;
    this.grid = grid;
  }

  /** The clip with the lowest predicted loss without noise. */
  Candidate bestClip() {
    int n = grid.clips();
    IntFunction<Candidate> clip = i -> new Candidate((double) i / n, 0, 0);
    List<Integer> coarse = new ArrayList<>();
    for (int k = 0; k < COARSE_CLIPS; k++) {
      // Evenly spread on a logarithmic scale, from 1 to 1/32.
      coarse.add((int) Math.max(1, Math.rint(n * Math.pow(2, -5.0 * k / (COARSE_CLIPS - 1)))));
    }
    int best = best(coarse, clip);
    int spread = (int) Math.ceil(best * (1 - Math.pow(2, -5.0 / (COARSE_CLIPS - 1))));
    return clip.apply(best(around(best, spread, Math.max(1, spread / 8), 1, n), clip));
  }

  /** The best shift and range at a clip. */
  Candidate bestNoise(Candidate clip) {
    int shifts = grid.shifts();
    IntFunction<Candidate> shift = j -> new Candidate(clip.clip(), 2.0 * j / shifts, 0);
    int low = -(shifts / 2);
    int high = shifts - shifts / 2 - 1;
    int stride = Math.max(1, shifts / COARSE_SHIFTS);
    int coarse = best(strided(low, high, stride), shift);
    Candidate mean = shift.apply(best(around(coarse, stride - 1, 1, low, high), shift));
    int ranges = grid.ranges();
    IntFunction<Candidate> range = k -> new Candidate(mean.clip(), mean.shift(), 2.0 * k / ranges);
    int step = Math.max(1, ranges / COARSE_RANGES);
    List<Integer> grid1 = strided(0, ranges - 1, step);
    best(grid1, range);
    List<Integer> fine =
        grid1.stream()
            .sorted(Comparator.comparingDouble(k -> predicted.get(range.apply(k))))
            .limit(RANGE_PEAKS)
            .flatMap(k -> around(k, step - 1, 1, 0, ranges - 1).stream())
            .distinct()
            .toList();
    best(fine, range);
    return predicted.entrySet().stream()
        .filter(e -> e.getKey().clip() == clip.clip())
        .min(Map.Entry.comparingByValue())
        .orElseThrow()
        .getKey();
  }

  /** Predicted losses of all candidates that were looked at. */
  Map<Candidate, Double> predicted() {
    return predicted;
  }

  private int best(List<Integer> indices, IntFunction<Candidate> candidate) {
    List<Candidate> open =
        indices.stream()
            .map(candidate::apply)
            .filter(c -> !predicted.containsKey(c))
            .distinct()
            .toList();
    double[] losses = model.losses(open.stream().map(site::noisy).toList());
    for (int k = 0; k < losses.length; k++) {
      predicted.put(open.get(k), losses[k]);
    }
    return indices.stream()
        .min(Comparator.comparingDouble(i -> predicted.get(candidate.apply(i))))
        .orElseThrow();
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
