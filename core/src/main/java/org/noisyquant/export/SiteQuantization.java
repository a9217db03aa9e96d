package org.noisyquant.export;

import java.util.List;
import java.util.Objects;
import org.noisyquant.graph.ActivationSite;
import org.noisyquant.graph.LinearLayer;

/**
 * How one activation site is quantized: q(x + N) with q(v) = clamp(rint(v / step)) · step on the
 * levels −2^(bits−1) … 2^(bits−1)−1. The noise is not copied; it must not change afterwards.
 *
 * @param site the site
 * @param activationBits 2 to 8
 * @param step quantizer step, positive, in units of the activation
 * @param noise N [channels], or null for none
 * @param weights one entry for each of the site's layers, in their order
 */
@SuppressWarnings("ArrayRecordComponent") // Never compared or printed.
public record SiteQuantization(
    ActivationSite site,
    int activationBits,
    float step,
    float[] noise,
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
    if (noise != null) {
      if (noise.length != site.channels()) {
        throw new IllegalArgumentException(
            "site "
                + site.name()
                + ": noise for "
                + noise.length
                + " of "
                + site.channels()
                + " channels");
      }
      for (int c = 0; c < noise.length; c++) {
        if (!Float.isFinite(noise[c])) {
          throw new IllegalArgumentException(
              "site " + site.name() + ", channel " + c + ": noise " + noise[c]);
        }
      }
    }
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
