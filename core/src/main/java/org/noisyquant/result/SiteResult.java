package org.noisyquant.result;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonPropertyOrder;
import java.util.List;
import org.noisyquant.graph.ActivationSite;
import org.noisyquant.graph.LinearLayer;
import org.noisyquant.search.ScoredCandidate;
import org.noisyquant.search.SiteQuantizer;
import org.noisyquant.search.SiteSolution;

/**
 * What was chosen for one activation site, in numbers.
 *
 * @param site topological index
 * @param name of the site
 * @param tensor in the ONNX graph
 * @param layers names of the layers that read it
 * @param channels C
 * @param outputs O of all layers together
 * @param prefixTokens class, distillation and register tokens of each image
 * @param weightBits of its layers' weights
 * @param activationBits of the site
 * @param absMax largest magnitude on the calibration part
 * @param minMax clip 1 without noise
 * @param baseline best clip without noise: what {@code baseline.onnx} has
 * @param chosen what {@code model.onnx} has
 * @param noise N [channels] in units of the activation; empty where no noise was chosen
 */
@JsonPropertyOrder({"site", "name", "tensor", "layers"})
@JsonInclude(JsonInclude.Include.NON_NULL)
public record SiteResult(
    int site,
    String name,
    String tensor,
    List<String> layers,
    int channels,
    int outputs,
    int prefixTokens,
    int weightBits,
    int activationBits,
    float absMax,
    Choice minMax,
    Choice baseline,
    Choice chosen,
    float[] noise) {

  /**
   * A candidate in numbers.
   *
   * @param clip fraction of absMax
   * @param step s of the activation quantizer
   * @param shift m in steps
   * @param range r in steps
   * @param loss mean squared error on the calibration part
   * @param heldOutLoss the same on the held-out part; absent where there is none
   */
  @JsonPropertyOrder({"clip", "step", "shift", "range", "loss", "heldOutLoss"})
  @JsonInclude(JsonInclude.Include.NON_NULL)
  public record Choice(
      double clip, float step, double shift, double range, double loss, Double heldOutLoss) {
    private static Choice of(ScoredCandidate scored, SiteQuantizer quantizer) {
      return new Choice(
          scored.candidate().clip(),
          quantizer.quantizer(scored.candidate()).step(),
          scored.candidate().shift(),
          scored.candidate().range(),
          scored.loss(),
          Double.isNaN(scored.heldOutLoss()) ? null : scored.heldOutLoss());
    }
  }

  /** The result of a site's search. */
  public static SiteResult of(
      ActivationSite site, int weightBits, SiteQuantizer quantizer, SiteSolution solution) {
    boolean noiseless = solution.chosen().candidate().isNoiseless();
    return new SiteResult(
        site.index(),
        site.name(),
        site.tensor(),
        site.layers().stream().map(LinearLayer::name).toList(),
        site.channels(),
        site.outputs(),
        site.prefixTokens(),
        weightBits,
        quantizer.bits(),
        solution.absMax(),
        Choice.of(solution.minMax(), quantizer),
        Choice.of(solution.baseline(), quantizer),
        Choice.of(solution.chosen(), quantizer),
        noiseless ? new float[0] : quantizer.noise(solution.chosen().candidate()));
  }
}
