package org.noisyquant.export;

import ai.onnx.proto.OnnxMl.NodeProto;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.noisyquant.graph.ActivationSite;
import org.noisyquant.graph.LinearLayer;
import org.noisyquant.graph.NoiseFold;
import org.noisyquant.onnx.ConstantRow;
import org.noisyquant.onnx.SiteFolds;

/**
 * Makes the network itself hand (x + N) / c to a site: norms are edited at once, changes of the
 * outputs of linear layers are remembered for whoever writes these layers. The constants are new
 * ones of this node: what else reads the old ones keeps them. Mutable.
 */
final class NoiseFolding {
  private final GraphEdit graph;
  private final SiteFolds folds;
  private final Map<LinearLayer, ChannelRescale> outputs = new LinkedHashMap<>();

  NoiseFolding(GraphEdit graph, SiteFolds folds) {
    this.graph = graph;
    this.folds = folds;
  }

  /**
   * Folds what can be folded.
   *
   * @param change of the site's channels
   * @return whether the site reads (x + N) / c now
   * @throws IllegalArgumentException for a rescale at a site that does not fold
   */
  boolean fold(ActivationSite site, ChannelRescale change) {
    NoiseFold fold = folds.fold(site);
    if (fold instanceof NoiseFold.IntoLayerNorm norm) {
      intoNorm(norm, change);
    } else if (fold instanceof NoiseFold.IntoValueBias values) {
      LinearLayer layer = values.producer();
      outputs.merge(
          layer,
          change.at(values.outputOfChannel(), layer.outputs()),
          (first, second) -> {
            throw new IllegalArgumentException(
                "two sites fold into the layer " + layer.name() + "; " + site.name() + " is one");
          });
    } else if (fold instanceof NoiseFold.None none && change.divisor() != null) {
      throw new IllegalArgumentException(
          "site " + site.name() + " cannot be rescaled: " + none.reason());
    }
    return fold.folds();
  }

  /** The weights of a layer with the change of its outputs, where a site folded into it. */
  LayerWeights changed(LayerWeights weights) {
    ChannelRescale change = outputs.get(weights.layer());
    return change == null ? weights : change.outputsOf(weights);
  }

  /** All layers whose outputs change. */
  Map<LinearLayer, ChannelRescale> outputs() {
    return outputs;
  }

  private void intoNorm(NoiseFold.IntoLayerNorm norm, ChannelRescale change) {
    String prefix = QuantizedModelWriter.PREFIX + norm.name();
    NodeProto.Builder shiftNode = graph.node(norm.shiftNode()).toBuilder();
    boolean decomposed = norm.scaleNode() != norm.shiftNode();
    NodeProto.Builder scaleNode = decomposed ? graph.node(norm.scaleNode()).toBuilder() : shiftNode;
    ConstantRow shift = folds.shift(norm);
    String newShift = row(prefix + ".shift", shift, change.shifted(shift.values()));
    if (shiftNode.getInputCount() == shift.input()) {
      shiftNode.addInput(newShift);
    } else {
      shiftNode.setInput(shift.input(), newShift);
    }
    if (change.divisor() != null) {
      ConstantRow scale = folds.scale(norm);
      scaleNode.setInput(
          scale.input(), row(prefix + ".scale", scale, change.scaled(scale.values())));
      if (decomposed) {
        graph.replace(norm.scaleNode(), List.of(scaleNode.build()));
      }
    }
    graph.replace(norm.shiftNode(), List.of(shiftNode.build()));
  }

  private String row(String name, ConstantRow old, float[] values) {
    return graph.initializer(OnnxParts.floats(graph.fresh(name), old.shape(), values));
  }
}
