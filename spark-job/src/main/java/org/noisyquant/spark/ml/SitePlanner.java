package org.noisyquant.spark.ml;

import java.util.ArrayList;
import java.util.List;
import org.noisyquant.error.ErrorCode;
import org.noisyquant.error.NoisyQuantException;
import org.noisyquant.graph.ActivationSite;
import org.noisyquant.graph.ActivationSite.Role;
import org.noisyquant.graph.LinearLayer;
import org.noisyquant.graph.ModelGraph;
import org.noisyquant.graph.SiteSelection;
import org.noisyquant.onnx.OnnxModel;
import org.noisyquant.spark.stage.SitePlan;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** From an Estimator's parameters to what is quantized, and how. */
final class SitePlanner {
  private static final Logger LOG = LoggerFactory.getLogger(SitePlanner.class);
  private static final int REDUCED_BITS = 7;

  private final NoisyQuantParams params;

  SitePlanner(NoisyQuantParams params) {
    this.params = params;
  }

  SiteSelection selection() {
    return new SiteSelection(
        List.of(params.value(params.include(), String[].class)),
        List.of(params.value(params.exclude(), String[].class)),
        params.value(params.head(), Boolean.class));
  }

  /**
   * The sites to quantize.
   *
   * @throws NoisyQuantException NO_QUANTIZABLE_LAYER; MODEL_UNREADABLE at a weight that is NaN or
   *     infinite
   */
  List<SitePlan> plan(OnnxModel model, String path) {
    SiteSelection selection = selection();
    List<ActivationSite> sites = model.graph().sites();
    warnOfUnmatched("include", selection.include(), sites, path);
    warnOfUnmatched("exclude", selection.exclude(), sites, path);
    List<SitePlan> plans = selected(model.graph());
    if (plans.isEmpty()) {
      throw new NoisyQuantException(
          ErrorCode.NO_QUANTIZABLE_LAYER,
          String.format(
              "model %s has %d activation sites of linear layers, none of which is selected"
                  + " (quantization.include %s, .exclude %s, .head %s); `inspect` lists them",
              path, sites.size(), selection.include(), selection.exclude(), selection.head()));
    }
    for (SitePlan plan : plans) {
      // Before any image is looked at.
      for (LinearLayer layer : plan.site().layers()) {
        model.weight(layer);
        model.bias(layer);
      }
    }
    return plans;
  }

  /** The sites to quantize; there may be none. */
  List<SitePlan> selected(ModelGraph graph) {
    SiteSelection selection = selection();
    int edgeBits = params.value(params.edgeBits(), Integer.class);
    List<SitePlan> plans = new ArrayList<>();
    for (ActivationSite site : graph.sites()) {
      if (!selection.selects(site)) {
        continue;
      }
      boolean edge = site.role() == Role.HEAD;
      plans.add(
          new SitePlan(
              withPrefix(site),
              reduced(edge ? edgeBits : params.value(params.weightBits(), Integer.class)),
              edge ? edgeBits : params.value(params.activationBits(), Integer.class)));
    }
    return plans;
  }

  private static void warnOfUnmatched(
      String key, List<String> globs, List<ActivationSite> sites, String path) {
    for (String glob : SiteSelection.unmatched(globs, sites)) {
      LOG.warn(
          "quantization.{} = {} matches no site of {}; `inspect` lists their names",
          key,
          glob,
          path);
    }
  }

  private int reduced(int weightBits) {
    return params.value(params.reduceRange(), Boolean.class)
        ? Math.min(weightBits, REDUCED_BITS)
        : weightBits;
  }

  private ActivationSite withPrefix(ActivationSite site) {
    int given = params.value(params.prefixTokens(), Integer.class);
    if (given < 0 || site.role() == Role.HEAD) {
      return site;
    }
    return new ActivationSite(
        site.index(),
        site.name(),
        site.tensor(),
        site.channels(),
        site.layers(),
        site.role(),
        given);
  }
}
