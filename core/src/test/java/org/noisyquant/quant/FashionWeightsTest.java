package org.noisyquant.quant;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.noisyquant.graph.ActivationSite;
import org.noisyquant.graph.LinearLayer;
import org.noisyquant.onnx.ActivationTaps;
import org.noisyquant.onnx.OnnxModel;
import org.noisyquant.runtime.ModelRunner;
import org.noisyquant.runtime.MomentsRunner;
import org.noisyquant.stats.InputMoments;
import org.noisyquant.testing.TestData;
import org.noisyquant.testing.TestImages;
import org.noisyquant.testing.TestImages.LabelledImage;

/** Weights fitted to some images of a real model, judged on others. */
class FashionWeightsTest {
  private static final int BITS = 4;
  private static final int CALIBRATION_IMAGES = 64;
  private static final int OTHER_IMAGES = 16;

  @Test
  void everyStepLowersTheErrorOnImagesThatWereNotCalibratedOn(@TempDir Path folder)
      throws IOException {
    OnnxModel model = OnnxModel.read(TestData.fashion("fashion_vit.onnx"));
    List<ActivationSite> sites =
        model.graph().sites().stream()
            .filter(site -> site.role() == ActivationSite.Role.BLOCK)
            .toList();
    List<List<float[]>> calibration = activations(model, sites, "calibration", folder);
    List<List<float[]>> other = activations(model, sites, "evaluation", folder);
    double minMax = 0;
    double gptq = 0;
    double fitted = 0;
    try (MomentsRunner runner = MomentsRunner.open(1)) {
      for (int i = 0; i < sites.size(); i++) {
        Trial trial = new Trial(model, sites.get(i), calibration.get(i), other.get(i), runner);
        // Relative to the min-max layer: errors of different sites have different sizes.
        double unit = trial.error(WeightRounding.MINMAX, false, false);
        minMax += trial.error(WeightRounding.MINMAX, false, true) / unit / sites.size();
        gptq += trial.error(WeightRounding.GPTQ, false, true) / unit / sites.size();
        fitted += trial.error(WeightRounding.GPTQ, true, true) / unit / sites.size();
      }
    }

    assertThat(minMax).isLessThan(1);
    assertThat(gptq).isLessThan(0.9 * minMax);
    assertThat(fitted).isLessThan(0.9 * gptq);
  }

  /** One site at four bits, all values of its quantizer clipped at 60 % of the largest. */
  private static final class Trial {
    private final OnnxModel model;
    private final LinearLayer layer;
    private final List<float[]> other;
    private final UniformQuantizer quantizer;
    private final InputMoments moments;

    Trial(
        OnnxModel model,
        ActivationSite site,
        List<float[]> calibration,
        List<float[]> other,
        MomentsRunner runner) {
      this.model = model;
      this.other = other;
      layer = site.layers().get(0);
      float absMax = 0;
      for (float[] x : calibration) {
        for (float v : x) {
          absMax = Math.max(absMax, Math.abs(v));
        }
      }
      quantizer = new UniformQuantizer(BITS, 0.6f * absMax / UniformQuantizer.maxLevel(BITS));
      float[] channelAbsMax = new float[site.channels()];
      Arrays.fill(channelAbsMax, absMax);
      MomentsCollector collector =
          new MomentsCollector(
              site.index(),
              List.of(NoisyQuantizer.uniform(quantizer, new float[site.channels()])),
              channelAbsMax,
              true,
              runner.newRun());
      for (float[] x : calibration) {
        collector.add(x, x.length / site.channels(), 0, 1);
      }
      moments = collector.moments().get(0);
    }

    /** Mean squared error of the layer's output on the other images. */
    double error(WeightRounding rounding, boolean compensate, boolean biasCorrection) {
      WeightSettings settings =
          new WeightSettings(BITS, rounding, compensate, biasCorrection, 0.01);
      float[] weight = model.weight(layer);
      float[] bias = model.bias(layer);
      int outputs = layer.outputs();
      QuantizedLinear q =
          LinearQuantizer.of(settings, moments, null, null).quantize(weight, bias, outputs);
      float[] wq = q.weight().dequantized();
      double error = 0;
      for (float[] x : other) {
        float[] z = seen(x);
        for (int t = 0; t < x.length / layer.inputs(); t++) {
          double[] e = new double[outputs];
          for (int c = 0; c < layer.inputs(); c++) {
            int i = t * layer.inputs() + c;
            for (int o = 0; o < outputs; o++) {
              e[o] += z[i] * wq[c * outputs + o] - x[i] * weight[c * outputs + o];
            }
          }
          for (int o = 0; o < outputs; o++) {
            double difference = e[o] + q.bias()[o] - bias[o];
            error += difference * difference;
          }
        }
      }
      return error;
    }

    private float[] seen(float[] x) {
      float[] z = new float[x.length];
      for (int i = 0; i < x.length; i++) {
        z[i] = quantizer.quantize(x[i]);
      }
      return z;
    }
  }

  /** By site and image. */
  private static List<List<float[]>> activations(
      OnnxModel model, List<ActivationSite> sites, String images, Path folder) throws IOException {
    List<String> tensors = sites.stream().map(ActivationSite::tensor).toList();
    Path tapped = folder.resolve(images + ".onnx");
    Files.write(tapped, ActivationTaps.addTo(model, tensors).bytes());
    List<List<float[]>> activations = new ArrayList<>();
    sites.forEach(site -> activations.add(new ArrayList<>()));
    int limit = images.equals("calibration") ? CALIBRATION_IMAGES : OTHER_IMAGES;
    try (ModelRunner runner = ModelRunner.open(tapped, 1);
        ModelRunner.Run run =
            runner.newRun(model.graph().height(), model.graph().width(), tensors)) {
      for (LabelledImage image :
          TestImages.labelled(
              TestData.fashion(images),
              TestImages.preprocessor(
                  TestData.fashion("preprocessor_config_vit.json"), model.graph()),
              limit)) {
        run.run(image.pixels());
        for (int i = 0; i < sites.size(); i++) {
          activations.get(i).add(run.values(i));
        }
      }
    }
    return activations;
  }
}
