package org.noisyquant.graph;

import java.util.List;
import java.util.Objects;

/**
 * What a model is, as far as quantization needs to know.
 *
 * @param input name of the image input, float [batch, 3, height, width]
 * @param output name of the logits output, float [batch, classes]
 * @param height input height in pixels
 * @param width input width in pixels
 * @param classes number of logits
 * @param sites all activation sites in topological order
 * @param skipped weight layers that belong to no site, each with the reason
 */
public record ModelGraph(
    String input,
    String output,
    int height,
    int width,
    int classes,
    List<ActivationSite> sites,
    List<SkippedLayer> skipped) {

  /**
   * A weight layer that is left in floating point.
   *
   * @param name its dotted name
   * @param operator its ONNX operator
   * @param reason why it is not quantized
   */
  public record SkippedLayer(String name, String operator, String reason) {}

  /** Checks that sites are numbered in order. */
  public ModelGraph {
    Objects.requireNonNull(input);
    Objects.requireNonNull(output);
    sites = List.copyOf(sites);
    skipped = List.copyOf(skipped);
    for (int i = 0; i < sites.size(); i++) {
      if (sites.get(i).index() != i) {
        throw new IllegalArgumentException("site " + i + " is numbered " + sites.get(i).index());
      }
    }
  }
}
