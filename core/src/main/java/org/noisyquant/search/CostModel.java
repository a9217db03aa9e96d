package org.noisyquant.search;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.noisyquant.quant.NoisyQuantizer;
import org.noisyquant.stats.ChannelHistograms;
import org.noisyquant.stats.SiteStatistics;

/**
 * Predicts the loss of any candidate of a site from its statistics alone. With e_c the error of
 * channel c, G = W·Wᵀ and O outputs,
 *
 * <pre>
 *   loss = E‖e·W‖²/O = E[e·G·eᵀ]/O ≈ (Σ_c G_cc·Var(e_c) + μ·G·μᵀ)/O,   μ = E[e],
 * </pre>
 *
 * which leaves out the covariances of rounding errors of different channels. They are small while
 * the errors are rounding; clipping errors of several channels come together, so that tight clips
 * are predicted too low. With bias correction the mean error is taken off again, and the second
 * term is zero: losses are those of quantizers from {@link #corrected}. Without it they are those
 * of quantizers that take off N alone.
 *
 * <p>Immutable.
 */
public final class CostModel {
  /** Candidates that are made and evaluated at a time. */
  private static final int BATCH = 128;

  private final int bits;
  private final ChannelDistribution[] channels;
  private final OutputWeights weights;
  private final double[] gains;
  private final boolean biasCorrection;
  private final UnseenValues unseen;

  /**
   * A model of one site.
   *
   * @param bits of the activation
   * @param statistics of the site
   * @param part which images to predict for
   * @param prefixWeight what a prefix token counts against a patch token, positive
   * @param weights what an error does to the outputs
   * @param biasCorrection whether the mean error is corrected in the layers' biases
   * @throws IllegalArgumentException if the weights are of another number of channels, or the
   *     prefix weight is not positive
   */
  public CostModel(
      int bits,
      SiteStatistics statistics,
      SiteStatistics.Part part,
      double prefixWeight,
      OutputWeights weights,
      boolean biasCorrection) {
    if (weights.channels() != statistics.channels()) {
      throw new IllegalArgumentException(
          "weights of " + weights.channels() + " channels for " + statistics);
    }
    if (!(prefixWeight > 0) || Double.isInfinite(prefixWeight)) {
      throw new IllegalArgumentException(
          "a prefix token's weight must be positive: " + prefixWeight);
    }
    this.bits = bits;
    this.weights = weights;
    this.biasCorrection = biasCorrection;
    gains = weights.gains();
    List<ChannelHistograms> groups =
        List.of(
            statistics.histograms(part, SiteStatistics.TokenGroup.PREFIX),
            statistics.histograms(part, SiteStatistics.TokenGroup.PATCH));
    double[] groupWeights = {prefixWeight, 1};
    channels = new ChannelDistribution[statistics.channels()];
    for (int c = 0; c < channels.length; c++) {
      channels[c] = ChannelDistribution.of(ChannelDensity.of(groups, groupWeights, c));
    }
    unseen = UnseenValues.of(List.of(channels));
  }

  /**
   * The predicted mean squared errors per output, in the order of the candidates.
   *
   * @param candidates any number, made when they are asked for
   */
  public double[] losses(List<NoisyQuantizer> candidates) {
    return losses(candidates, biasCorrection);
  }

  /**
   * The same of quantizers whose D is what it is, such as one that was fitted to other images: what
   * it leaves of these images' mean error counts too.
   */
  public double[] lossesAsTheyAre(List<NoisyQuantizer> quantizers) {
    return losses(quantizers, false);
  }

  private double[] losses(List<NoisyQuantizer> candidates, boolean corrected) {
    double[] losses = new double[candidates.size()];
    for (int first = 0; first < losses.length; first += BATCH) {
      int end = Math.min(losses.length, first + BATCH);
      List<NoisyQuantizer> batch = new ArrayList<>(candidates.subList(first, end));
      losses(batch, corrected, losses, first);
    }
    return losses;
  }

  private void losses(List<NoisyQuantizer> batch, boolean corrected, double[] losses, int first) {
    float[][] means = new float[batch.size()][channels.length];
    ErrorMoments moments = new ErrorMoments(bits, batch.size());
    for (int c = 0; c < channels.length; c++) {
      moments.clear();
      for (NoisyQuantizer q : batch) {
        moments.add(q.steps()[c], q.noise()[c]);
      }
      moments.evaluate(channels[c]);
      for (int k = 0; k < means.length; k++) {
        losses[first + k] += gains[c] * moments.variance(k);
        NoisyQuantizer q = batch.get(k);
        means[k][c] = moments.mean(k) + (q.noise()[c] - q.removed()[c]);
      }
    }
    for (int k = 0; k < means.length; k++) {
      double mean = corrected ? 0 : weights.squaredNorm(means[k]);
      losses[first + k] = (losses[first + k] + mean) / weights.outputs();
    }
  }

  /**
   * The candidates with D = N + E[e], the predicted mean error, where biases are corrected; else as
   * they are.
   *
   * @param candidates any number
   */
  List<NoisyQuantizer> corrected(List<NoisyQuantizer> candidates) {
    if (!biasCorrection) {
      return candidates;
    }
    float[][] removed = new float[candidates.size()][channels.length];
    ErrorMoments moments = new ErrorMoments(bits, candidates.size());
    for (int c = 0; c < channels.length; c++) {
      moments.clear();
      for (NoisyQuantizer q : candidates) {
        moments.add(q.steps()[c], q.noise()[c]);
      }
      moments.evaluate(channels[c]);
      for (int k = 0; k < removed.length; k++) {
        removed[k][c] = candidates.get(k).noise()[c] + moments.mean(k);
      }
    }
    List<NoisyQuantizer> corrected = new ArrayList<>();
    for (int k = 0; k < removed.length; k++) {
      corrected.add(candidates.get(k).withRemoved(removed[k]));
    }
    return corrected;
  }

  /** The same for one candidate. */
  public NoisyQuantizer corrected(NoisyQuantizer candidate) {
    return corrected(List.of(candidate)).get(0);
  }

  /** E[x_c] [channels]. */
  double[] means() {
    return Arrays.stream(channels).mapToDouble(c -> c.mean()).toArray();
  }

  /** Var(x_c) where biases are corrected, else E[x_c²] [channels]. */
  double[] spreads() {
    return Arrays.stream(channels).mapToDouble(c -> c.spread(biasCorrection)).toArray();
  }

  /** Levels of the quantizer. */
  int bits() {
    return bits;
  }

  /** What one channel was seen to take. */
  ChannelDistribution channel(int channel) {
    return channels[channel];
  }

  /** What channels may take besides the values they were seen to take. */
  UnseenValues unseen() {
    return unseen;
  }

  int channels() {
    return channels.length;
  }

  /** G_cc. */
  double gain(int channel) {
    return gains[channel];
  }

  int outputs() {
    return weights.outputs();
  }

  boolean correctsBias() {
    return biasCorrection;
  }
}
