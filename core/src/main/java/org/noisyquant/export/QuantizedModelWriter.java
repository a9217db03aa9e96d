package org.noisyquant.export;

import ai.onnx.proto.OnnxMl.NodeProto;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.noisyquant.graph.ActivationSite;
import org.noisyquant.graph.LinearLayer;
import org.noisyquant.onnx.LayerNodes;
import org.noisyquant.onnx.OnnxFile;
import org.noisyquant.onnx.OnnxModel;
import org.noisyquant.onnx.SiteFolds;
import org.noisyquant.runtime.FoldProbe;

/**
 * Writes a model whose linear layers compute y = q((x + N) / c)·Wq + b' in QDQ form, which ONNX
 * Runtime runs on integer kernels. Where a site folds ({@link SiteFolds}), the network itself makes
 * (x + N) / c from new constants in its norms and layers, and x has that value; elsewhere there is
 * no c, and N is added:
 *
 * <pre>
 * x ─[Add N]─[Clip]─┬─ QuantizeLinear ─ DequantizeLinear ─┬─ MatMul ─ Add b' ─ y
 *                   │      int8 weights ─ DequantizeLinear ┘
 *                   └─ the same for each further layer of the site
 * </pre>
 *
 * <p>Other readers of x, such as a residual, keep reading the float tensor. Below 8 bits the Clip
 * keeps x + N within the levels −2^(bits−1) … 2^(bits−1)−1, and the int8 codes stay among them.
 * Inputs, outputs, opset and metadata of the model stay.
 *
 * <p>Three forms are what ONNX Runtime's integer kernels need. The layers of one site have the same
 * step, but each its own QuantizeLinear and zero point: a code tensor with several readers is not
 * fused, and equal nodes are merged into one. A Gemm stays a Gemm, without its bias, which is added
 * behind it: with a float bias inside it is not fused, and MatMul and Add of two axes would be made
 * a Gemm again. Weight zero points are written although they are zero: versions up to 1.26 abort
 * without them under {@code session.x64quantprecision}.
 */
public final class QuantizedModelWriter {
  static final String PREFIX = "noisyquant.";

  private final OnnxModel model;
  private final GraphEdit graph;
  private final NoiseFolding folding;

  private QuantizedModelWriter(OnnxModel model, SiteFolds folds) {
    this.model = model;
    this.graph = new GraphEdit(model.proto().getGraph());
    this.folding = new NoiseFolding(graph, folds);
  }

  /** As {@link #write(OnnxModel, List, Map, boolean)} with folding. */
  public static OnnxFile write(
      OnnxModel model, List<SiteQuantization> sites, Map<String, String> metadata) {
    return write(model, sites, metadata, true);
  }

  /**
   * Quantizes these sites; others stay as they are. The same arguments give the same bytes.
   *
   * @param model the FP32 model
   * @param sites at most one entry for each of the model's sites
   * @param metadata provenance to add to the model's metadata_props; wins over what is there
   * @param fold whether noise goes into constants of the network where it can; takes one forward
   * @throws org.noisyquant.error.NoisyQuantException {@code MODEL_UNSUPPORTED} if the model has
   *     tensors of the names that are added
   * @throws IllegalArgumentException for a site that the model does not have, one given twice, or a
   *     rescale at a site that does not fold
   */
  public static OnnxFile write(
      OnnxModel model, List<SiteQuantization> sites, Map<String, String> metadata, boolean fold) {
    boolean changes = sites.stream().anyMatch(site -> site.change() != null);
    return write(
        model, sites, metadata, fold && changes ? FoldProbe.folds(model) : SiteFolds.off(model));
  }

  /**
   * The same with folds that are known already.
   *
   * @param folds those of this model, or {@link SiteFolds#off}
   */
  public static OnnxFile write(
      OnnxModel model,
      List<SiteQuantization> sites,
      Map<String, String> metadata,
      SiteFolds folds) {
    QuantizedModelWriter writer = new QuantizedModelWriter(model, folds);
    writer.quantize(sites);
    return ModelFile.of(model, writer.graph.build(), metadata);
  }

  /** How many of these sites need an Add for their noise. */
  public static int explicitAdds(List<SiteQuantization> sites, SiteFolds folds) {
    return (int)
        sites.stream()
            .filter(site -> site.noise() != null && !folds.fold(site.site()).folds())
            .count();
  }

  /** The tensor of int8 activation codes that a layer of an exported model reads. */
  public static String codesTensor(LinearLayer layer) {
    return PREFIX + layer.name() + ".codes";
  }

  private void quantize(List<SiteQuantization> sites) {
    Set<String> seen = new HashSet<>();
    Set<LinearLayer> quantized = new HashSet<>();
    Set<ActivationSite> folded = new HashSet<>();
    for (SiteQuantization site : sites) {
      if (!model.graph().sites().contains(site.site())) {
        throw new IllegalArgumentException(site.site() + " is no site of this model");
      }
      if (!seen.add(site.site().name())) {
        throw new IllegalArgumentException("site " + site.site().name() + " is given twice");
      }
      quantized.addAll(site.site().layers());
      if (site.change() != null && folding.fold(site.site(), site.change())) {
        folded.add(site.site());
      }
    }
    sites.forEach(site -> quantize(site, folded.contains(site.site())));
    folding
        .outputs()
        .forEach(
            (layer, change) -> {
              if (!quantized.contains(layer)) {
                float[] weight =
                    change.divisor() == null ? null : change.scaled(model.weight(layer));
                FloatLayer.replace(graph, model, layer, weight, change.shifted(model.bias(layer)));
              }
            });
  }

  private void quantize(SiteQuantization site, boolean folded) {
    String name = PREFIX + site.site().name();
    List<NodeProto> chain = new ArrayList<>();
    String current = site.site().tensor();
    if (site.noise() != null && !folded) {
      String noise =
          graph.initializer(
              OnnxParts.floats(
                  graph.fresh(name + ".noise"), List.of(site.site().channels()), site.noise()));
      current = append(chain, name, "Add", List.of(current, noise), "noisy");
    }
    if (site.activationBits() < 8) {
      String low = scalar(name + ".clip_low", site.lowest() * site.step());
      String high = scalar(name + ".clip_high", site.highest() * site.step());
      current = append(chain, name, "Clip", List.of(current, low, high), "clipped");
    }
    String step = scalar(name + ".step", site.step());
    graph.before(site.site().layers().get(0).node(), chain);
    for (LayerWeights weights : site.weights()) {
      layer(folding.changed(weights), current, step);
    }
  }

  private String append(
      List<NodeProto> chain, String name, String operator, List<String> inputs, String output) {
    String tensor = graph.fresh(name + "." + output);
    chain.add(OnnxParts.node(graph.fresh(name + "." + operator), operator, inputs, tensor));
    return tensor;
  }

  private String scalar(String name, float value) {
    return graph.initializer(OnnxParts.scalar(graph.fresh(name), value));
  }

  private void layer(LayerWeights weights, String activation, String step) {
    String name = PREFIX + weights.layer().name();
    LayerNodes nodes = model.nodes(weights.layer());
    NodeProto linear = graph.node(nodes.linear());
    List<NodeProto> replacement = new ArrayList<>();
    String zero =
        graph.initializer(OnnxParts.bytes(graph.fresh(name + ".zero_point"), List.of(), (byte) 0));
    String codes =
        append(replacement, name, "QuantizeLinear", List.of(activation, step, zero), "codes");
    String input =
        append(replacement, name, "DequantizeLinear", List.of(codes, step, zero), "dequantized");
    String weight = weight(replacement, name, weights);

    boolean addsBias = nodes.biasAdd().isEmpty() && !isZero(weights.bias());
    String product = addsBias ? graph.fresh(name + ".product") : linear.getOutput(0);
    replacement.add(
        OnnxParts.node(
            linear.getName().isEmpty()
                ? graph.fresh(name + "." + linear.getOpType())
                : linear.getName(),
            linear.getOpType(),
            List.of(input, weight),
            product));
    if (addsBias) {
      String bias = bias(name, List.of(weights.layer().outputs()), weights.bias());
      replacement.add(
          OnnxParts.node(
              graph.fresh(name + ".bias_Add"), "Add", List.of(product, bias), linear.getOutput(0)));
    }
    graph.replace(nodes.linear(), replacement);

    if (nodes.biasAdd().isPresent()) {
      NodeProto add = graph.node(nodes.biasAdd().getAsInt());
      int side = add.getInput(0).equals(linear.getOutput(0)) ? 1 : 0;
      String bias = bias(name, nodes.biasShape(), weights.bias());
      graph.replace(
          nodes.biasAdd().getAsInt(), List.of(add.toBuilder().setInput(side, bias).build()));
    }
  }

  private String weight(List<NodeProto> nodes, String name, LayerWeights weights) {
    int outputs = weights.layer().outputs();
    String codes =
        graph.initializer(
            OnnxParts.bytes(
                graph.fresh(name + ".weight_codes"),
                List.of(weights.layer().inputs(), outputs),
                weights.codes()));
    String scales =
        graph.initializer(
            OnnxParts.floats(
                graph.fresh(name + ".weight_scales"), List.of(outputs), weights.scales()));
    String zeros =
        graph.initializer(
            OnnxParts.bytes(
                graph.fresh(name + ".weight_zero_points"), List.of(outputs), new byte[outputs]));
    String dequantized = graph.fresh(name + ".weight_dequantized");
    NodeProto node =
        OnnxParts.node(
            graph.fresh(name + ".weight_DequantizeLinear"),
            "DequantizeLinear",
            List.of(codes, scales, zeros),
            dequantized);
    nodes.add(OnnxParts.with(node, "axis", 1));
    return dequantized;
  }

  private String bias(String name, List<Integer> shape, float[] values) {
    return graph.initializer(OnnxParts.floats(graph.fresh(name + ".bias"), shape, values));
  }

  private static boolean isZero(float[] values) {
    for (float value : values) {
      if (value != 0) {
        return false;
      }
    }
    return true;
  }
}
