package org.noisyquant.export;

import ai.onnxruntime.OrtException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.noisyquant.evaluate.EvaluationResult;
import org.noisyquant.evaluate.EvaluationSums;
import org.noisyquant.evaluate.ImageScore;
import org.noisyquant.evaluate.Logits;
import org.noisyquant.graph.ActivationSite;
import org.noisyquant.graph.LinearLayer;
import org.noisyquant.onnx.ActivationTaps;
import org.noisyquant.onnx.OnnxModel;
import org.noisyquant.quant.NoisyBias;
import org.noisyquant.quant.QuantizedWeight;
import org.noisyquant.quant.WeightQuantizer;
import org.noisyquant.runtime.ModelRunner;
import org.noisyquant.search.Candidate;
import org.noisyquant.search.SiteQuantizer;
import org.noisyquant.testing.SegmentedSimulation;
import org.noisyquant.testing.SimulatedSite;
import org.noisyquant.testing.TestImages.LabelledImage;

/**
 * One model quantized twice from the same numbers, by {@link QuantizedModelWriter} and in {@link
 * SegmentedSimulation}, and both compared with FP32.
 */
final class EndToEndParity {
  static final String EXPORT = "export";
  static final String SIMULATION = "simulation";

  /** Wide clip, strong noise: what is wrong with the noise must not hide behind clipping. */
  private static final Candidate CANDIDATE = new Candidate(0.9, 0.5, 1.5);

  private static final int CALIBRATION_IMAGES = 8;
  private static final long SEED = 20230614;

  private final OnnxModel model;
  private final List<ActivationSite> sites;
  private final List<LabelledImage> images;
  private final Path folder;
  private final List<float[]> float32 = new ArrayList<>();
  private final float[] absMax;

  /**
   * Runs the FP32 model.
   *
   * @param sites the sites to quantize, in topological order
   * @param images at least 8
   * @param folder for the models
   */
  EndToEndParity(
      OnnxModel model, List<ActivationSite> sites, List<LabelledImage> images, Path folder)
      throws IOException {
    this.model = model;
    this.sites = sites;
    this.images = images;
    this.folder = folder;
    this.absMax = new float[sites.size()];
    List<String> tensors = sites.stream().map(ActivationSite::tensor).toList();
    Path tapped =
        Files.write(folder.resolve("tapped.onnx"), ActivationTaps.addTo(model, tensors).bytes());
    try (ModelRunner runner = ModelRunner.open(tapped, 1);
        ModelRunner.Run taps = newRun(runner, tensors);
        ModelRunner.Run logits = newRun(runner, List.of(model.graph().output()))) {
      for (int i = 0; i < images.size(); i++) {
        logits.run(images.get(i).pixels());
        float32.add(logits.values(0));
        if (i < CALIBRATION_IMAGES) {
          taps.run(images.get(i).pixels());
          for (int s = 0; s < absMax.length; s++) {
            absMax[s] = Math.max(absMax[s], TestQuantization.absMax(taps.values(s)));
          }
        }
      }
    }
  }

  /**
   * Export (the first compared model) and simulation (the second) against FP32.
   *
   * @param bits of weights and activations
   */
  EvaluationResult compare(int bits) throws IOException, OrtException {
    List<SimulatedSite> simulated = quantize(bits);
    return compare(simulated, simulated);
  }

  /** As {@link #compare(int)}, but the export does not take the noise off again: a broken model. */
  EvaluationResult compareWithoutDenoising(int bits) throws IOException, OrtException {
    List<SimulatedSite> simulated = quantize(bits);
    List<SimulatedSite> broken = new ArrayList<>();
    for (SimulatedSite site : simulated) {
      List<float[]> biases = new ArrayList<>();
      for (int i = 0; i < site.biases().size(); i++) {
        float[] minusNoise = site.noise().clone();
        for (int c = 0; c < minusNoise.length; c++) {
          minusNoise[c] = -minusNoise[c];
        }
        biases.add(site.weights().get(i).denoisedBias(site.biases().get(i), minusNoise));
      }
      broken.add(
          new SimulatedSite(site.site(), site.quantizer(), site.noise(), site.weights(), biases));
    }
    return compare(broken, simulated);
  }

  private EvaluationResult compare(List<SimulatedSite> exported, List<SimulatedSite> simulated)
      throws IOException, OrtException {
    List<SiteQuantization> quantized = exported.stream().map(this::forExport).toList();
    Path file =
        Files.write(
            folder.resolve("exported.onnx"),
            QuantizedModelWriter.write(model, quantized, Map.of()).bytes());
    EvaluationSums sums =
        EvaluationSums.empty(
            "fp32", List.of(EXPORT, SIMULATION), EvaluationSums.DEFAULT_REPLICATES, SEED);
    try (ModelRunner runner = ModelRunner.open(file, 1);
        ModelRunner.Run run = newRun(runner, List.of(model.graph().output()));
        SegmentedSimulation simulation = new SegmentedSimulation(model, sites)) {
      for (int i = 0; i < images.size(); i++) {
        LabelledImage image = images.get(i);
        run.run(image.pixels());
        Logits export = Logits.of(EXPORT, image.name(), run.values(0));
        float[] logits = simulation.logits(simulated, image.pixels());
        sums.update(
            ImageScore.of(
                image.label(),
                Logits.of("fp32", image.name(), float32.get(i)),
                List.of(export, Logits.of(SIMULATION, image.name(), logits))));
      }
    }
    return sums.result();
  }

  private List<SimulatedSite> quantize(int bits) {
    List<SimulatedSite> simulated = new ArrayList<>();
    for (int i = 0; i < sites.size(); i++) {
      ActivationSite site = sites.get(i);
      float[] unit = NoisyBias.unit(SEED, site.index(), site.channels());
      SiteQuantizer quantizer = new SiteQuantizer(bits, absMax[i], unit);
      List<QuantizedWeight> weights = new ArrayList<>();
      for (LinearLayer layer : site.layers()) {
        weights.add(
            WeightQuantizer.minMax(model.weight(layer), layer.inputs(), layer.outputs(), bits));
      }
      simulated.add(
          new SimulatedSite(
              site,
              quantizer.quantizer(CANDIDATE),
              quantizer.noise(CANDIDATE),
              weights,
              site.layers().stream().map(model::bias).toList()));
    }
    return simulated;
  }

  private SiteQuantization forExport(SimulatedSite site) {
    List<LayerWeights> layers = new ArrayList<>();
    for (int i = 0; i < site.weights().size(); i++) {
      QuantizedWeight weight = site.weights().get(i);
      layers.add(
          new LayerWeights(
              site.site().layers().get(i),
              weight.bits(),
              weight.codes(),
              weight.scales(),
              weight.denoisedBias(site.biases().get(i), site.noise())));
    }
    return new SiteQuantization(
        site.site(), site.quantizer().bits(), site.quantizer().step(), site.noise(), layers);
  }

  private ModelRunner.Run newRun(ModelRunner runner, List<String> outputs) {
    return runner.newRun(model.graph().height(), model.graph().width(), outputs);
  }
}
