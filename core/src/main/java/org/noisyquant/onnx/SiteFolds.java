package org.noisyquant.onnx;

import ai.onnx.proto.OnnxMl.TensorShapeProto.Dimension;
import ai.onnx.proto.OnnxMl.ValueInfoProto;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.noisyquant.graph.ActivationSite;
import org.noisyquant.graph.LinearLayer;
import org.noisyquant.graph.NoiseFold;
import org.noisyquant.graph.NoiseFold.IntoLayerNorm;
import org.noisyquant.graph.NoiseFold.IntoValueBias;
import org.noisyquant.graph.NoiseFold.None;

/**
 * Into what the noise and the rescale of each site fold. Immutable.
 *
 * <p>A norm folds when nothing but the layers of one site computes with its output, and channel i
 * of the site is channel i of the norm. The values of an attention fold when nothing else computes
 * with those outputs of their layer, and every channel of the site comes from one output. How
 * channels move is measured, not derived: see {@link ChannelProbe}.
 */
public final class SiteFolds {
  private final Map<ActivationSite, NoiseFold> folds;
  private final Map<IntoLayerNorm, NormNodes> norms;

  private SiteFolds(Map<ActivationSite, NoiseFold> folds, Map<IntoLayerNorm, NormNodes> norms) {
    this.folds = folds;
    this.norms = norms;
  }

  /** Folding switched off: every site says so. */
  public static SiteFolds off(OnnxModel model) {
    Map<ActivationSite, NoiseFold> none = new HashMap<>();
    for (ActivationSite site : model.graph().sites()) {
      none.put(site, new None("folding is switched off"));
    }
    return new SiteFolds(none, Map.of());
  }

  /**
   * Finds the folds of all sites.
   *
   * @param runner runs one generated model about as large as this one, at most once
   */
  public static SiteFolds of(OnnxModel model, ProbeRunner runner) {
    return new Search(model).run(runner);
  }

  /**
   * Into what a site's noise folds.
   *
   * @throws IllegalArgumentException if it is no site of the model
   */
  public NoiseFold fold(ActivationSite site) {
    NoiseFold fold = folds.get(site);
    if (fold == null) {
      throw new IllegalArgumentException(site + " is no site of this model");
    }
    return fold;
  }

  /** Scale γ [channels] of a norm of this model. */
  public ConstantRow scale(IntoLayerNorm norm) {
    return norms.get(norm).scale();
  }

  /** Shift β [channels] of a norm of this model; zeros where it has none. */
  public ConstantRow shift(IntoLayerNorm norm) {
    return norms.get(norm).shift();
  }

  /** A site that folds if its channels do as they should; one of norm and layer is null. */
  private record Candidate(
      ActivationSite site,
      ValueFlow.Origin origin,
      List<ValueFlow.Reader> others,
      NormNodes norm,
      LinearLayer layer) {
    int width() {
      return norm == null ? layer.outputs() : norm.channels();
    }
  }

  private static final class Search {
    private final OnnxModel model;
    private final GraphIndex graph;
    private final ValueFlow flow;
    private final FoldReasons reasons;
    private final LayerNames names = new LayerNames();
    private final Map<String, LinearLayer> layerByOutput = new HashMap<>();
    private final Map<String, Optional<NormNodes>> normByTensor = new HashMap<>();
    private final Map<ActivationSite, NoiseFold> folds = new LinkedHashMap<>();
    private final Map<IntoLayerNorm, NormNodes> norms = new HashMap<>();
    private final List<Candidate> candidates = new ArrayList<>();

    Search(OnnxModel model) {
      this.model = model;
      this.graph = new GraphIndex(model.proto().getGraph());
      this.flow = new ValueFlow(graph);
      this.reasons = new FoldReasons(model, graph);
      for (ActivationSite site : model.graph().sites()) {
        site.layers().forEach(layer -> layerByOutput.put(model.nodes(layer).output(), layer));
      }
    }

    SiteFolds run(ProbeRunner runner) {
      model.graph().sites().forEach(this::consider);
      ChannelProbe probe = new ChannelProbe(model, graph);
      for (Candidate candidate : candidates) {
        probe.number(candidate.origin(), candidate.width());
        probe.watch(candidate.site().tensor());
        candidate.others().forEach(reader -> probe.watch(reader.tensor()));
      }
      Map<String, float[]> values = probe.run(runner, imageShape());
      for (Candidate candidate : candidates) {
        NoiseFold fold =
            candidate.norm() == null
                ? intoValues(candidate, values)
                : intoNorm(candidate, values.get(candidate.site().tensor()));
        folds.put(candidate.site(), fold);
      }
      return new SiteFolds(Map.copyOf(folds), Map.copyOf(norms));
    }

    private void consider(ActivationSite site) {
      ValueFlow.Origin origin = flow.origin(site.tensor());
      LinearLayer layer = layerByOutput.get(origin.tensor());
      NormNodes norm =
          normByTensor
              .computeIfAbsent(origin.tensor(), at -> NormNodes.behind(graph, names, at))
              .orElse(null);
      if (layer == null && norm == null) {
        folds.put(site, reasons.fedBy(origin.tensor()));
        return;
      }
      List<ValueFlow.Reader> others =
          flow.readers(origin.tensor()).stream().filter(reader -> !isOwn(site, reader)).toList();
      if (layer != null && !origin.attended()) {
        folds.put(site, new None("fed by the layer " + layer.name() + " directly"));
      } else if (layer == null && !others.isEmpty()) {
        folds.put(site, reasons.alsoReadBy("its norm " + norm.name(), others.get(0)));
      } else {
        candidates.add(new Candidate(site, origin, others, layer == null ? norm : null, layer));
      }
    }

    private static boolean isOwn(ActivationSite site, ValueFlow.Reader reader) {
      return reader.tensor().equals(site.tensor())
          && site.layers().stream().anyMatch(layer -> layer.node() == reader.node());
    }

    private NoiseFold intoNorm(Candidate candidate, float[] measured) {
      NormNodes norm = candidate.norm();
      int[] channels =
          new ChannelNumbers(norm.channels()).channels(measured, candidate.site().channels());
      if (channels == null || channels.length != norm.channels() || !isIdentity(channels)) {
        return new None("the channels of its norm " + norm.name() + " are moved on the way");
      }
      IntoLayerNorm fold = new IntoLayerNorm(norm.name(), norm.scaleNode(), norm.shiftNode());
      norms.put(fold, norm);
      return fold;
    }

    private static boolean isIdentity(int[] channels) {
      for (int c = 0; c < channels.length; c++) {
        if (channels[c] != c) {
          return false;
        }
      }
      return true;
    }

    private NoiseFold intoValues(Candidate candidate, Map<String, float[]> measured) {
      LinearLayer layer = candidate.layer();
      ChannelNumbers numbers = new ChannelNumbers(layer.outputs());
      int[] outputs =
          numbers.channels(measured.get(candidate.site().tensor()), candidate.site().channels());
      if (outputs == null || Arrays.stream(outputs).distinct().count() < outputs.length) {
        return new None(
            "its channels are not those of the values of " + layer.name() + ", one by one");
      }
      BitSet values = new BitSet();
      Arrays.stream(outputs).forEach(values::set);
      for (ValueFlow.Reader other : candidate.others()) {
        for (float value : measured.get(other.tensor())) {
          int channel = numbers.channel(value);
          if (channel < 0 || values.get(channel)) {
            return reasons.alsoReadBy("a tensor with values of " + layer.name(), other);
          }
        }
      }
      return new IntoValueBias(layer, outputs);
    }

    /** One image: the batch only if the model fixes it. */
    private long[] imageShape() {
      ValueInfoProto input =
          model.proto().getGraph().getInputList().stream()
              .filter(in -> in.getName().equals(model.graph().input()))
              .findFirst()
              .orElseThrow();
      Dimension batch = input.getType().getTensorType().getShape().getDim(0);
      return new long[] {
        Math.max(1, batch.getDimValue()), 3, model.graph().height(), model.graph().width()
      };
    }
  }
}
