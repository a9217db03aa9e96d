package org.noisyquant.export;

import java.util.List;
import java.util.Objects;
import org.noisyquant.graph.ActivationSite;
import org.noisyquant.graph.LinearLayer;

/**
 * How one activation site is quantized: q(x') of x' = (x + N) / c, with q(v) = clamp(rint(v /
 * step)) · step on the levels −2^(bits−1) … 2^(bits−1)−1. Noise and rescale are not copied; they
 * must not change afterwards.
 *
 * @param site the site
 * @param activationBits 2 to 8
 * @param step quantizer step, positive, in units of x'
 * @param noise N [channels] in units of the activation x, or null for none
 * @param rescale c [channels], positive, or null for none; only for a site that folds
 * @param weights one entry for each of the site's layers, in their order; codes and scales are
 *     those of diag(c)·W, the bias is complete
 */
@SuppressWarnings("ArrayRecordComponent") // Never compared or printed.
public record SiteQuantization(
    ActivationSite site,
    int activationBits,
    float step,
    float[] noise,
    float[] rescale,
    List<LayerWeights> weights) {

  /**
   * Checks shapes and ranges.
   *
   * @throws IllegalArgumentException naming the site and the value
   */
  public SiteQuantization {
    Objects.requireNonNull(site);
    weights = List.copyOf(weights);
    List<LinearLayer> layers = weights.stream().map(LayerWeights::layer).toList();
    if (!layers.equals(site.layers())) {
      throw new IllegalArgumentException(
          "site " + site.name() + " has layers " + site.layers() + ", weights are for " + layers);
    }
    if (activationBits < 2 || activationBits > 8 || !(step > 0) || !Float.isFinite(step)) {
      throw new IllegalArgumentException(
          "site " + site.name() + ": " + activationBits + " activation bits, step " + step);
    }
    checkChannels(site, "noise", noise, -Float.MAX_VALUE);
    checkChannels(site, "rescale", rescale, Float.MIN_VALUE);
  }

  /** Without a rescale. */
  public SiteQuantization(
      ActivationSite site,
      int activationBits,
      float step,
      float[] noise,
      List<LayerWeights> weights) {
    this(site, activationBits, step, noise, null, weights);
  }

  private static void checkChannels(
      ActivationSite site, String what, float[] values, float lowest) {
    if (values == null) {
      return;
    }
    if (values.length != site.channels()) {
      throw new IllegalArgumentException(
          "site "
              + site.name()
              + ": "
              + what
              + " for "
              + values.length
              + " of "
              + site.channels()
              + " channels");
    }
    for (int c = 0; c < values.length; c++) {
      if (!(values[c] >= lowest && Float.isFinite(values[c]))) {
        throw new IllegalArgumentException(
            "site " + site.name() + ", channel " + c + ": " + what + " " + values[c]);
      }
    }
  }

  /** What the network is to do to the activation, or null for nothing. */
  ChannelRescale change() {
    return noise == null && rescale == null ? null : new ChannelRescale(noise, rescale);
  }

  /** Lowest code: −2^(bits−1). */
  int lowest() {
    return -(1 << (activationBits - 1));
  }

  /** Highest code: 2^(bits−1) − 1. */
  int highest() {
    return -lowest() - 1;
  }
}
