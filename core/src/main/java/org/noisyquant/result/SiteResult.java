package org.noisyquant.result;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonPropertyOrder;
import java.util.List;
import org.noisyquant.graph.ActivationSite;
import org.noisyquant.graph.LinearLayer;
import org.noisyquant.quant.NoisyQuantizer;
import org.noisyquant.search.NoiseKind;
import org.noisyquant.search.SiteChoice;
import org.noisyquant.search.SiteDecision;

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
 * @param absMax largest magnitude on the calibration part, of x/c where channels are rescaled
 * @param minMax clip 1 of x, without noise or rescale
 * @param baseline best without noise: what {@code baseline.onnx} has
 * @param chosen what {@code model.onnx} has
 * @param noiseDropped whether a noise was dropped because it did not help on the held-out part
 * @param rescale c [channels]; empty where channels are not rescaled
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
    boolean noiseDropped,
    float[] rescale,
    float[] noise) {

  /**
   * A choice in numbers.
   *
   * @param noise NONE, UNIFORM or OPTIMIZED
   * @param clip fraction of absMax
   * @param step s of the activation quantizer, of x/c where channels are rescaled
   * @param shift m in steps, of uniform noise
   * @param range r in steps, of uniform noise
   * @param predicted loss that the statistics predict; absent where they were not asked
   * @param loss mean squared error on the calibration part
   * @param heldOutLoss the same on the held-out part; absent where there is none
   */
  @JsonPropertyOrder({
    "noise",
    "clip",
    "step",
    "shift",
    "range",
    "predicted",
    "loss",
    "heldOutLoss"
  })
  @JsonInclude(JsonInclude.Include.NON_NULL)
  public record Choice(
      NoiseKind noise,
      double clip,
      float step,
      double shift,
      double range,
      Double predicted,
      double loss,
      Double heldOutLoss) {
    private static Choice of(SiteDecision.Scored scored) {
      SiteChoice choice = scored.choice();
      return new Choice(
          choice.kind(),
          choice.candidate().clip(),
          choice.step(),
          choice.candidate().shift(),
          choice.candidate().range(),
          present(choice.predicted()),
          scored.loss().calibration(),
          present(scored.loss().heldOut()));
    }

    private static Double present(double value) {
      return Double.isNaN(value) ? null : value;
    }
  }

  /** The result of a site's search. */
  public static SiteResult of(
      ActivationSite site, int weightBits, int activationBits, SiteDecision decision) {
    NoisyQuantizer chosen = decision.chosen().choice().quantizer();
    return new SiteResult(
        site.index(),
        site.name(),
        site.tensor(),
        site.layers().stream().map(LinearLayer::name).toList(),
        site.channels(),
        site.outputs(),
        site.prefixTokens(),
        weightBits,
        activationBits,
        decision.absMax(),
        Choice.of(decision.minMax()),
        Choice.of(decision.baseline()),
        Choice.of(decision.chosen()),
        decision.dropped(),
        decision.rescale() == null ? new float[0] : decision.rescale(),
        chosen.isNoiseless() ? new float[0] : chosen.noise());
  }
}
