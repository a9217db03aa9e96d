package org.noisyquant.spark.stage;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import org.noisyquant.export.LayerWeights;
import org.noisyquant.export.SiteQuantization;
import org.noisyquant.graph.ActivationSite;
import org.noisyquant.graph.LinearLayer;
import org.noisyquant.graph.NoiseFold;
import org.noisyquant.onnx.OnnxModel;
import org.noisyquant.onnx.SiteFolds;
import org.noisyquant.quant.LinearQuantizer;
import org.noisyquant.quant.MomentsCollector;
import org.noisyquant.quant.NoisyBias;
import org.noisyquant.quant.NoisyQuantizer;
import org.noisyquant.quant.QuantizedLinear;
import org.noisyquant.quant.WeightRounding;
import org.noisyquant.quant.WeightSettings;
import org.noisyquant.runtime.MatMulRunner;
import org.noisyquant.runtime.MomentsRunner;
import org.noisyquant.search.CandidateLoss;
import org.noisyquant.search.CandidateScorer;
import org.noisyquant.search.CostModel;
import org.noisyquant.search.OutputWeights;
import org.noisyquant.search.SiteChoice;
import org.noisyquant.search.SiteDecision;
import org.noisyquant.search.SiteObjective;
import org.noisyquant.search.SiteShortlist;
import org.noisyquant.search.SiteSolver;
import org.noisyquant.search.TokenSample;
import org.noisyquant.spark.stage.TestActivations.Activations;
import org.noisyquant.stats.InputMoments;
import org.noisyquant.stats.SiteStatistics;
import org.noisyquant.stats.SiteStatistics.Part;

/**
 * The guided search of one site and the weights after it as one loop over the classes of core: what
 * {@link GuidedSearch}, {@link MomentsStage} and {@link WeightStage} must come to on Spark.
 */
final class PlainGuidedSearch {
  private final CalibrationSettings settings;
  private final SitePlan plan;
  private final NoiseFold fold;
  private final List<Activations> images;
  private final SiteShortlist shortlist;
  private final List<CandidateLoss> losses;
  private final SiteDecision decision;

  PlainGuidedSearch(
      CalibrationSettings settings,
      int position,
      SiteFolds folds,
      List<Activations> images,
      MatMulRunner products) {
    this.settings = settings;
    this.images = images;
    plan = settings.sites().get(position);
    fold = folds.fold(plan.site());
    OutputWeights weights = OutputWeights.joined(plan.site().channels(), layerWeights());
    shortlist = shortlist(weights);
    losses = losses(weights, products);
    decision = SiteDecision.of(shortlist, losses);
  }

  /** Min-max and the choices, in the order in which they were scored. */
  List<SiteChoice> choices() {
    List<SiteChoice> all = new ArrayList<>();
    all.add(shortlist.minMax());
    all.addAll(shortlist.choices());
    return all;
  }

  List<CandidateLoss> losses() {
    return losses;
  }

  SiteDecision decision() {
    return decision;
  }

  private List<float[]> layerWeights() {
    OnnxModel model = settings.model();
    return plan.site().layers().stream().map(model::weight).toList();
  }

  private SiteShortlist shortlist(OutputWeights weights) {
    ActivationSite site = plan.site();
    SearchSettings search = settings.search();
    SiteStatistics statistics =
        SiteStatistics.empty(site.index(), site.channels(), site.prefixTokens());
    images.forEach(image -> statistics.update(image.part(), image.x(), image.tokens()));
    float[] absMax = new float[site.channels()];
    for (int c = 0; c < absMax.length; c++) {
      absMax[c] = statistics.absMax(Part.CALIBRATION, c);
    }
    return SiteSolver.solve(
        new SiteSolver.Problem(
            site.index(),
            search.noise(),
            NoisyBias.unit(settings.seed(), site.index(), site.channels()),
            search.grid(),
            absMax,
            layerWeights(),
            plan.weightBits(),
            settings.weights().rounding() == WeightRounding.GPTQ ? Calibration.GPTQ_SHARE : 1,
            search.channelRescale() && fold.folds()),
        new CostModel(
            plan.activationBits(),
            statistics,
            Part.CALIBRATION,
            search.prefixWeight(),
            weights,
            search.biasCorrection()));
  }

  /** Mean squared errors per token and output, prefix tokens weighted. */
  private List<CandidateLoss> losses(OutputWeights weights, MatMulRunner products) {
    ActivationSite site = plan.site();
    List<NoisyQuantizer> quantizers = choices().stream().map(SiteChoice::quantizer).toList();
    TokenSample sample =
        sample(settings.search().tokenFraction(), Calibration.TOKEN_SALT, settings.search());
    CandidateScorer scorer = new CandidateScorer(products);
    Map<Part, double[]> sums = new EnumMap<>(Part.class);
    Map<Part, Double> tokens = new EnumMap<>(Part.class);
    try (SiteObjective objective = SiteObjective.of(products, weights)) {
      for (Activations image : scored()) {
        float[] chosen = new float[image.x().length];
        int special = sample.special(site.prefixTokens(), image.tokens());
        double weight = sample.specialWeight(image.tokens());
        int rows = choose(sample, image, special, chosen);
        double[] own = new double[quantizers.size()];
        scorer.score(objective, quantizers, chosen, rows, special, weight, own);
        double[] sum = sums.computeIfAbsent(image.part(), p -> new double[own.length]);
        Arrays.setAll(sum, k -> sum[k] + own[k]);
        tokens.merge(image.part(), special * weight + rows - special, Double::sum);
      }
    }
    List<CandidateLoss> means = new ArrayList<>();
    for (int k = 0; k < quantizers.size(); k++) {
      means.add(
          new CandidateLoss(
              sums.get(Part.CALIBRATION)[k] / (tokens.get(Part.CALIBRATION) * site.outputs()),
              sums.get(Part.HELD_OUT)[k] / (tokens.get(Part.HELD_OUT) * site.outputs())));
    }
    return means;
  }

  /** The images of each part that come first by their hash. */
  private List<Activations> scored() {
    int count = settings.search().imageCount();
    List<Activations> scored = new ArrayList<>();
    for (Part part : Part.values()) {
      images.stream()
          .filter(image -> image.part() == part)
          .sorted(
              Comparator.comparingLong(
                  image ->
                      ImageHash.seeded(settings.seed() ^ Calibration.IMAGE_SALT, image.digest())))
          .limit(count == 0 ? images.size() : count)
          .forEach(scored::add);
    }
    return scored;
  }

  /** What the exporter gets for the chosen quantizer, or for the baseline. */
  SiteQuantization quantization(SiteDecision.Scored scored, MomentsRunner products) {
    SiteChoice choice = scored.choice();
    float[] noise = choice.quantizer().noise();
    float[] scaledNoise = noise.clone();
    for (int c = 0; c < noise.length && decision.rescale() != null; c++) {
      scaledNoise[c] = noise[c] / decision.rescale()[c];
    }
    WeightRules rules = settings.weights();
    WeightSettings weightSettings =
        new WeightSettings(
            plan.weightBits(),
            rules.rounding(),
            rules.compensation(),
            rules.biasCorrection(),
            rules.damping());
    LinearQuantizer quantizer =
        weightSettings.needMoments()
            ? LinearQuantizer.of(
                weightSettings,
                moments(choice.quantizer(), products),
                decision.rescale(),
                scaledNoise)
            : LinearQuantizer.withoutMoments(
                weightSettings,
                plan.site().channels(),
                decision.spreads(),
                decision.means(),
                predictedMeans(choice.quantizer()),
                decision.rescale(),
                scaledNoise);
    List<LayerWeights> layers = new ArrayList<>();
    for (LinearLayer layer : plan.site().layers()) {
      QuantizedLinear linear =
          quantizer.quantize(
              settings.model().weight(layer), settings.model().bias(layer), layer.outputs());
      layers.add(
          new LayerWeights(
              layer,
              plan.weightBits(),
              linear.weight().codes(),
              linear.weight().scales(),
              linear.bias()));
    }
    return new SiteQuantization(
        plan.site(),
        plan.activationBits(),
        choice.step(),
        choice.quantizer().isNoiseless() ? null : noise,
        decision.rescale(),
        layers);
  }

  /** E[z] = E[x] + E[e] with e = q(x + N) − N − x; D − N is the predicted E[e]. */
  private double[] predictedMeans(NoisyQuantizer quantizer) {
    double[] means = new double[plan.site().channels()];
    for (int c = 0; c < means.length; c++) {
      double error = (double) quantizer.removed()[c] - quantizer.noise()[c];
      means[c] = decision.means()[c] + error;
    }
    return means;
  }

  private InputMoments moments(NoisyQuantizer quantizer, MomentsRunner products) {
    TokenSample sample =
        sample(settings.weights().tokenFraction(), Calibration.MOMENT_SALT, settings.search());
    int channels = plan.site().channels();
    float[] absMax = new float[channels];
    for (Activations image : images) {
      for (int i = 0; i < image.tokens() * channels; i++) {
        absMax[i % channels] = Math.max(absMax[i % channels], Math.abs(image.x()[i]));
      }
    }
    MomentsCollector collector =
        new MomentsCollector(
            plan.site().index(),
            List.of(quantizer),
            absMax,
            settings.weights().compensation(),
            products.newRun());
    for (Activations image : images) {
      if (image.part() == Part.CALIBRATION) {
        float[] x = new float[image.x().length];
        int special = sample.special(plan.site().prefixTokens(), image.tokens());
        int rows = choose(sample, image, special, x);
        collector.add(x, rows, special, sample.specialWeight(image.tokens()));
      }
    }
    return collector.moments().get(0);
  }

  private TokenSample sample(double fraction, long salt, SearchSettings search) {
    return new TokenSample(fraction, settings.seed() ^ salt, search.prefixWeight());
  }

  private int choose(TokenSample sample, Activations image, int special, float[] chosen) {
    ActivationSite site = plan.site();
    return sample.choose(
        image.digest(), site.index(), image.x(), image.tokens(), site.channels(), special, chosen);
  }
}
