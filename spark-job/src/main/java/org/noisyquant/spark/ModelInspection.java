package org.noisyquant.spark;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonPropertyOrder;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.util.List;
import java.util.Locale;
import org.apache.hadoop.conf.Configuration;
import org.noisyquant.graph.ActivationSite;
import org.noisyquant.graph.LinearLayer;
import org.noisyquant.graph.ModelGraph;
import org.noisyquant.graph.NoiseFold;
import org.noisyquant.graph.SiteSelection;
import org.noisyquant.onnx.OnnxModel;
import org.noisyquant.onnx.SiteFolds;
import org.noisyquant.runtime.FoldProbe;
import org.noisyquant.runtime.ModelTrial;
import org.noisyquant.spark.io.ModelFiles;
import org.noisyquant.spark.stage.ExecutorMemory;

/**
 * The work of {@code inspect}: the sites of a model, into what their noise folds or why it needs an
 * Add, and what is left in floating point and why. Runs the model once, to see how channels move.
 */
final class ModelInspection implements InspectStep {
  @JsonInclude(JsonInclude.Include.NON_NULL)
  @JsonPropertyOrder({
    "model",
    "sha256",
    "input",
    "output",
    "explicitAdds",
    "sites",
    "skipped",
    "memory"
  })
  private record Report(
      String model,
      String sha256,
      Port input,
      Port output,
      long explicitAdds,
      List<SiteLine> sites,
      List<ModelGraph.SkippedLayer> skipped,
      MemoryTable memory) {}

  private record Port(String name, List<Object> shape) {}

  @JsonInclude(JsonInclude.Include.NON_EMPTY)
  @JsonPropertyOrder({"site", "name", "tensor", "role", "layers", "channels", "outputs"})
  private record SiteLine(
      int site,
      String name,
      String tensor,
      String role,
      List<String> layers,
      int channels,
      int outputs,
      int prefixTokens,
      boolean quantized,
      String reason,
      String noiseFold,
      String noiseFoldsInto,
      String noFoldReason) {
    private static SiteLine of(ActivationSite site, SiteSelection selection, NoiseFold fold) {
      String reason = selection.reasonAgainst(site);
      String kind = "add";
      String into = "";
      String noFoldReason = "";
      if (fold instanceof NoiseFold.IntoLayerNorm norm) {
        kind = "layerNorm";
        into = norm.name();
      } else if (fold instanceof NoiseFold.IntoValueBias values) {
        kind = "valueBias";
        into = values.producer().name();
      } else if (fold instanceof NoiseFold.None none) {
        noFoldReason = none.reason();
      }
      return new SiteLine(
          site.index(),
          site.name(),
          site.tensor(),
          site.role().name().toLowerCase(Locale.ROOT),
          site.layers().stream().map(LinearLayer::name).toList(),
          site.channels(),
          site.outputs(),
          site.prefixTokens(),
          reason.isEmpty(),
          reason,
          kind,
          into,
          noFoldReason);
    }

    private boolean needsAdd() {
      return quantized && !noFoldReason.isEmpty();
    }

    private String noise() {
      return switch (noiseFold) {
        case "layerNorm" -> "into the norm " + noiseFoldsInto;
        case "valueBias" -> "into the values of " + noiseFoldsInto;
        default -> "an Add: " + noFoldReason;
      };
    }
  }

  @Override
  public String describe(JobConfig config, Configuration hadoop, boolean json) {
    String path = config.model().path();
    OnnxModel model = ModelFiles.model(hadoop, path);
    MemoryTable memory =
        ModelTrial.once(path, model)
            .flatMap(values -> Estimators.of(config, false).memoryPlan(model, values))
            .map(plan -> MemoryTable.of(plan, ExecutorMemory.configured()))
            .orElse(null);
    ModelGraph graph = model.graph();
    // Without the flag a model can be inspected on its own.
    config
        .model()
        .preprocessing()
        .ifPresent(given -> ModelFiles.preprocessing(hadoop, path, graph, given));
    SiteSelection selection = config.quantization().selection();
    OnnxRuntimeNatives.check();
    SiteFolds folds = config.noise().fold() ? FoldProbe.folds(model) : SiteFolds.off(model);
    List<SiteLine> sites =
        graph.sites().stream().map(site -> SiteLine.of(site, selection, folds.fold(site))).toList();
    Report report =
        new Report(
            path,
            model.sha256(),
            new Port(graph.input(), List.of("batch", 3, graph.height(), graph.width())),
            new Port(graph.output(), List.of("batch", graph.classes())),
            sites.stream().filter(SiteLine::needsAdd).count(),
            sites,
            graph.skipped(),
            memory);
    return json ? toJson(report) : toText(report);
  }

  private static String toJson(Report report) {
    try {
      return JsonMapper.builder()
          .build()
          .writerWithDefaultPrettyPrinter()
          .writeValueAsString(report);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException(e);
    }
  }

  private static String toText(Report report) {
    StringBuilder text = new StringBuilder();
    text.append("model    ").append(report.model()).append('\n');
    text.append("sha256   ").append(report.sha256()).append('\n');
    text.append("input    ")
        .append(report.input().name())
        .append(' ')
        .append(report.input().shape());
    text.append('\n');
    text.append("output   ").append(report.output().name()).append(' ');
    text.append(report.output().shape()).append("\n\n");
    int width = report.sites().stream().mapToInt(s -> s.name().length()).max().orElse(0);
    int noiseWidth = report.sites().stream().mapToInt(s -> s.noise().length()).max().orElse(0);
    String format =
        "%4s  %-"
            + Math.max(width, 4)
            + "s  %8s  %7s  %6s  %-"
            + Math.max(noiseWidth, 5)
            + "s  %s%n";
    text.append(
        String.format(
            Locale.ROOT,
            format,
            "site",
            "name",
            "channels",
            "outputs",
            "prefix",
            "noise",
            "quantized"));
    for (SiteLine site : report.sites()) {
      text.append(
          String.format(
              Locale.ROOT,
              format,
              site.site(),
              site.name(),
              site.channels(),
              site.outputs(),
              site.prefixTokens(),
              site.noise(),
              site.quantized() ? "yes" : "no: " + site.reason()));
    }
    for (ModelGraph.SkippedLayer skipped : report.skipped()) {
      text.append(
          String.format(
              Locale.ROOT,
              "%nleft in floating point: %s (%s): %s",
              skipped.name(),
              skipped.operator(),
              skipped.reason()));
    }
    if (report.memory() != null) {
      text.append("\n\n").append(report.memory().toText()).append('\n');
    }
    long quantized = report.sites().stream().filter(SiteLine::quantized).count();
    return text.append(
            String.format(
                Locale.ROOT,
                "%n%d of %d sites are quantized; the noise of %d of them needs an Add",
                quantized,
                report.sites().size(),
                report.explicitAdds()))
        .toString();
  }
}
