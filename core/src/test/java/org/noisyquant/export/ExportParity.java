package org.noisyquant.export;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.noisyquant.graph.LinearLayer;
import org.noisyquant.graph.NoiseFold;
import org.noisyquant.onnx.ActivationTaps;
import org.noisyquant.onnx.OnnxModel;
import org.noisyquant.onnx.SiteFolds;
import org.noisyquant.testing.OrtRun;

/**
 * Compares an exported model, site by site on the inputs that its own sites get, with q(x + N)·Wq +
 * b' in plain Java. Where a site folds, the input that is tapped is (x + N) / c already.
 */
final class ExportParity {
  private final OnnxModel model;
  private final TestQuantization quantization;
  private final List<SiteQuantization> sites;
  private final SiteFolds folds;
  private final byte[] exported;

  ExportParity(
      OnnxModel model,
      TestQuantization quantization,
      List<SiteQuantization> sites,
      SiteFolds folds) {
    this.model = model;
    this.quantization = quantization;
    this.sites = sites;
    this.folds = folds;
    this.exported = QuantizedModelWriter.write(model, sites, Map.of(), folds).bytes();
  }

  /** Codes equal but within 1e-5 steps of a threshold; outputs to a relative 1e-5. */
  void holdsAsWritten() {
    List<String> taps = inputsAndOutputs();
    for (SiteQuantization site : sites) {
      site.site().layers().forEach(layer -> taps.add(QuantizedModelWriter.codesTensor(layer)));
    }
    OrtRun run =
        OrtRun.plain(
            ActivationTaps.addTo(exported, taps), quantization.pixels(), quantization.shape());
    for (SiteQuantization site : sites) {
      for (LayerWeights weights : site.weights()) {
        byte[] codes = run.bytes(QuantizedModelWriter.codesTensor(weights.layer()));
        compareCodes(site, run.floats(site.site().tensor()), codes);
        compareOutput(site, weights, codes, run);
      }
    }
  }

  /** Outputs of the optimized model to a relative 1e-5. */
  void holdsOptimized() {
    OrtRun run =
        OrtRun.optimized(
            ActivationTaps.addTo(exported, inputsAndOutputs()),
            null,
            quantization.pixels(),
            quantization.shape());
    for (SiteQuantization site : sites) {
      byte[] codes = quantize(site, run.floats(site.site().tensor()));
      site.weights().forEach(weights -> compareOutput(site, weights, codes, run));
    }
  }

  private List<String> inputsAndOutputs() {
    List<String> taps = new ArrayList<>();
    for (SiteQuantization site : sites) {
      taps.add(site.site().tensor());
      site.site().layers().forEach(layer -> taps.add(model.nodes(layer).output()));
    }
    return taps;
  }

  /** N [channels] that is still to be added to what the site reads. */
  private float[] addedNoise(SiteQuantization site) {
    return site.noise() == null || folds.fold(site.site()).folds()
        ? new float[site.site().channels()]
        : site.noise();
  }

  private byte[] quantize(SiteQuantization site, float[] x) {
    byte[] codes = new byte[x.length];
    float[] noise = addedNoise(site);
    for (int i = 0; i < x.length; i++) {
      float noisy = x[i] + noise[i % noise.length];
      double code = Math.rint(noisy / site.step());
      codes[i] = (byte) Math.max(site.lowest(), Math.min(site.highest(), code));
    }
    return codes;
  }

  private void compareCodes(SiteQuantization site, float[] x, byte[] codes) {
    byte[] expected = quantize(site, x);
    assertThat(codes).hasSameSizeAs(expected);
    for (int i = 0; i < codes.length; i++) {
      if (codes[i] != expected[i]) {
        double position = (x[i] + addedNoise(site)[i % site.site().channels()]) / site.step();
        assertThat(Math.abs(position - Math.floor(position) - 0.5))
            .as("%s element %d: %d, not %d", site.site().name(), i, codes[i], expected[i])
            .isLessThan(1e-5);
      }
    }
  }

  private void compareOutput(
      SiteQuantization site, LayerWeights weights, byte[] codes, OrtRun run) {
    LinearLayer layer = weights.layer();
    float[] actual = run.floats(model.nodes(layer).output());
    double[] expected = product(codes, site.step(), weights);
    changeValues(layer, expected);
    assertThat(relativeError(actual, expected))
        .as("%s at %d bits", layer.name(), site.activationBits())
        .isLessThan(1e-5);
  }

  /** The outputs of this layer that are the values of an attention, whose site folds into them. */
  private void changeValues(LinearLayer layer, double[] y) {
    for (SiteQuantization site : sites) {
      if (folds.fold(site.site()) instanceof NoiseFold.IntoValueBias values
          && values.producer().equals(layer)) {
        for (int c = 0; c < site.site().channels(); c++) {
          double noise = site.noise() == null ? 0 : site.noise()[c];
          double divisor = site.rescale() == null ? 1 : site.rescale()[c];
          for (int o = values.outputOfChannel()[c]; o < y.length; o += layer.outputs()) {
            y[o] = (y[o] + noise) / divisor;
          }
        }
      }
    }
  }

  private static double[] product(byte[] codes, float step, LayerWeights weights) {
    int inputs = weights.layer().inputs();
    int outputs = weights.layer().outputs();
    int tokens = codes.length / inputs;
    double[] y = new double[tokens * outputs];
    int[] sums = new int[outputs];
    for (int t = 0; t < tokens; t++) {
      Arrays.fill(sums, 0);
      for (int c = 0; c < inputs; c++) {
        int code = codes[t * inputs + c];
        for (int o = 0; o < outputs; o++) {
          sums[o] += code * weights.codes()[c * outputs + o];
        }
      }
      for (int o = 0; o < outputs; o++) {
        y[t * outputs + o] = sums[o] * (double) step * weights.scales()[o] + weights.bias()[o];
      }
    }
    return y;
  }

  static double relativeError(float[] actual, double[] expected) {
    assertThat(actual).hasSize(expected.length);
    double error = 0;
    double norm = 0;
    for (int i = 0; i < expected.length; i++) {
      error += (actual[i] - expected[i]) * (actual[i] - expected[i]);
      norm += expected[i] * expected[i];
    }
    return Math.sqrt(error / norm);
  }
}
