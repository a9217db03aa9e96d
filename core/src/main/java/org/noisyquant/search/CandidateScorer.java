package org.noisyquant.search;

import java.util.List;
import org.noisyquant.quant.NoisyQuantizer;
import org.noisyquant.runtime.MatMulRunner;

/**
 * The exact squared error of candidates on activations: Σ over tokens and outputs of ((q(x+N) − N −
 * x)·Wq)². Candidates are scored in batches of bounded size, so memory does not depend on how many
 * there are. Not thread-safe: one per task.
 */
public final class CandidateScorer implements AutoCloseable {
  /** Values of one batch; 2 MiB of floats stay near the cache. */
  private static final int BATCH_VALUES = 1 << 19;

  private final MatMulRunner.Run run;
  private float[] errors = new float[0];
  private float[] norms = new float[0];

  /** A scorer that multiplies with this runner. */
  public CandidateScorer(MatMulRunner runner) {
    run = runner.newRun();
  }

  /**
   * Scores candidates on the activations of one image.
   *
   * @param x [tokens, channels], row-major
   * @param sums receives the sum of squared errors of each candidate
   */
  public void score(
      SiteObjective objective,
      List<NoisyQuantizer> candidates,
      float[] x,
      int tokens,
      double[] sums) {
    score(objective, candidates, x, tokens, 0, 1, sums);
  }

  /**
   * The same with another weight for the first tokens.
   *
   * @param special how many tokens at the start have this weight
   * @param weight of their squared errors
   */
  public void score(
      SiteObjective objective,
      List<NoisyQuantizer> candidates,
      float[] x,
      int tokens,
      int special,
      double weight,
      double[] sums) {
    int channels = objective.channels();
    int values = tokens * channels;
    int batch = Math.max(1, Math.min(candidates.size(), BATCH_VALUES / Math.max(1, values)));
    reserve(batch * values, batch * tokens);
    for (int first = 0; first < candidates.size(); first += batch) {
      int size = Math.min(batch, candidates.size() - first);
      for (int i = 0; i < size; i++) {
        candidates.get(first + i).error(x, tokens, errors, i * values);
      }
      squaredRowNorms(objective, size * tokens);
      for (int i = 0; i < size; i++) {
        int start = i * tokens;
        sums[first + i] =
            weight * sum(start, start + special) + sum(start + special, start + tokens);
      }
    }
  }

  private double sum(int from, int to) {
    double sum = 0;
    for (int t = from; t < to; t++) {
      sum += norms[t];
    }
    return sum;
  }

  private void squaredRowNorms(SiteObjective objective, int rows) {
    if (objective.factor() != null) {
      run.squaredRowNorms(errors, rows, objective.factor(), norms);
      return;
    }
    int channels = objective.channels();
    for (int t = 0; t < rows; t++) {
      double sum = 0;
      for (int i = t * channels; i < (t + 1) * channels; i++) {
        sum += (double) errors[i] * errors[i];
      }
      norms[t] = (float) sum;
    }
  }

  private void reserve(int values, int rows) {
    if (values > errors.length) {
      errors = new float[values];
    }
    if (rows > norms.length) {
      norms = new float[rows];
    }
  }

  @Override
  public void close() {
    run.close();
  }
}
