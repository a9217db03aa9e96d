package org.noisyquant.search;

import java.util.ArrayList;
import java.util.List;
import org.noisyquant.graph.ActivationSite;
import org.noisyquant.onnx.OnnxModel;
import org.noisyquant.quant.QuantizedWeight;
import org.noisyquant.quant.WeightQuantizer;
import org.noisyquant.runtime.MatMulRunner;

/**
 * One site on the FP32 activations of some images: scores candidates with the classes that the
 * search uses. Safe for any number of threads.
 */
final class LayerTrial implements AutoCloseable {
  private final MatMulRunner runner;
  private final SiteObjective objective;
  private final List<float[]> activations;
  private final float absMax;

  /**
   * A trial of one site.
   *
   * @param bits of the weights
   * @param activations one array [tokens, channels] for each image
   */
  LayerTrial(
      OnnxModel model,
      ActivationSite site,
      int bits,
      List<float[]> activations,
      MatMulRunner runner) {
    this.runner = runner;
    this.activations = activations;
    List<QuantizedWeight> weights =
        site.layers().stream()
            .map(
                layer ->
                    WeightQuantizer.minMax(
                        model.weight(layer), layer.inputs(), layer.outputs(), bits))
            .toList();
    objective = SiteObjective.output(runner, weights);
    float max = 0;
    for (float[] x : activations) {
      for (float v : x) {
        max = Math.max(max, Math.abs(v));
      }
    }
    absMax = max;
  }

  /** A, the largest magnitude of all images. */
  float absMax() {
    return absMax;
  }

  /** The candidates with their MSE over all images, in order. */
  List<ScoredCandidate> score(int bits, float[] unit, List<Candidate> candidates) {
    SiteQuantizer site = new SiteQuantizer(bits, absMax, unit);
    CandidateScorer scorer = new CandidateScorer(runner);
    double[] totals = new double[candidates.size()];
    double[] sums = new double[candidates.size()];
    long values = 0;
    for (float[] x : activations) {
      int tokens = x.length / objective.channels();
      scorer.score(objective, new GridQuantizers(site, candidates), x, tokens, sums);
      for (int i = 0; i < totals.length; i++) {
        totals[i] += sums[i];
      }
      values += (long) tokens * objective.outputs();
    }
    List<ScoredCandidate> scored = new ArrayList<>();
    for (int i = 0; i < totals.length; i++) {
      scored.add(new ScoredCandidate(candidates.get(i), totals[i] / values, Double.NaN));
    }
    return scored;
  }

  /** The three searches, one after the other, on one grid. */
  SiteSolution search(int site, int bits, float[] unit, CandidateGrid grid) {
    List<ScoredCandidate> clips =
        score(bits, unit, SearchPass.CLIP.candidates(grid, Candidate.MIN_MAX));
    Candidate clip = SiteSolution.best(clips).candidate();
    List<ScoredCandidate> shifts = score(bits, unit, SearchPass.SHIFT.candidates(grid, clip));
    Candidate shift = SiteSolution.best(shifts).candidate();
    List<ScoredCandidate> ranges = score(bits, unit, SearchPass.RANGE.candidates(grid, shift));
    return SiteSolution.of(site, absMax, clips, shifts, ranges);
  }

  @Override
  public void close() {
    objective.close();
  }
}
