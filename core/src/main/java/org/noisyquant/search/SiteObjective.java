package org.noisyquant.search;

import java.util.List;
import org.noisyquant.quant.QuantizedWeight;
import org.noisyquant.runtime.MatMulRunner;

/**
 * What the candidates of one site are scored with: immutable, off the heap, shared by the tasks of
 * an executor.
 */
public final class SiteObjective implements AutoCloseable {
  private final int channels;
  private final int outputs;
  private final MatMulRunner.Matrix factor;

  private SiteObjective(int channels, int outputs, MatMulRunner.Matrix factor) {
    this.channels = channels;
    this.outputs = outputs;
    this.factor = factor;
  }

  /**
   * The error at the outputs of all layers of the site together; at the site itself where the
   * weights are the identity.
   *
   * @param weights what an error does to the outputs
   */
  public static SiteObjective of(MatMulRunner runner, OutputWeights weights) {
    int channels = weights.channels();
    int outputs = weights.outputs();
    if (weights.values() == null) {
      return new SiteObjective(channels, outputs, null);
    }
    OutputFactor factor = OutputFactor.of(weights.values(), channels, outputs);
    return new SiteObjective(
        channels, outputs, runner.matrix(factor.values(), channels, factor.columns()));
  }

  /**
   * The error at the outputs of quantized layers.
   *
   * @param weights Wq of the layers that read the site
   */
  public static SiteObjective output(MatMulRunner runner, List<QuantizedWeight> weights) {
    return of(runner, OutputWeights.ofQuantized(weights));
  }

  /** C. */
  public int channels() {
    return channels;
  }

  /** By how many values per token the squared error is divided in a mean: O, or C for the input. */
  public int outputs() {
    return outputs;
  }

  /** L, or null where the error is measured at the input. */
  MatMulRunner.Matrix factor() {
    return factor;
  }

  @Override
  public void close() {
    if (factor != null) {
      factor.close();
    }
  }
}
