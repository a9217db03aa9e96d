package org.noisyquant.spark.stage;

import java.io.Serializable;
import java.util.List;
import org.apache.spark.api.java.JavaSparkContext;
import org.noisyquant.export.QuantizedModelWriter;
import org.noisyquant.graph.LinearLayer;
import org.noisyquant.onnx.ActivationTaps;
import org.noisyquant.runtime.ModelRunner;
import org.noisyquant.search.SiteDecision;
import org.noisyquant.spark.stage.SiteWeights.Variant;

/**
 * A quantized model on every executor, of which the quantized inputs of its layers can be read: z
 * with all the error that the layers before a site have made.
 *
 * @param model the tapped file
 * @param sites whose inputs are read
 * @param variant which of the two models it is
 */
record QuantizedInputs(ShippedModel model, List<SitePlan> sites, Variant variant)
    implements Serializable {

  static QuantizedInputs ship(
      JavaSparkContext spark, byte[] quantized, List<SitePlan> sites, Variant variant) {
    byte[] tapped = ActivationTaps.addTo(quantized, tensors(sites));
    return new QuantizedInputs(ShippedModel.ship(spark, tapped), sites, variant);
  }

  private static List<String> tensors(List<SitePlan> sites) {
    return sites.stream().map(plan -> tensor(plan.site().layers().get(0))).toList();
  }

  private static String tensor(LinearLayer layer) {
    return QuantizedModelWriter.dequantizedTensor(layer);
  }

  /** Runs of one task. Not thread-safe. */
  final class Reader implements AutoCloseable {
    private final ModelRunner.Run run;

    Reader(ImageInput input) {
      run = ExecutorCache.runner(model).newRun(input.height(), input.width(), tensors(sites));
    }

    /** Runs one image. */
    void run(float[] pixels) {
      run.run(pixels);
    }

    /**
     * z = c ⊙ code · s − N of all tokens of a site.
     *
     * @param position among the sites
     * @param z receives them [tokens, channels]
     */
    void read(int position, SiteDecision decision, float[] z) {
      run.copyTo(position, z);
      float[] noise = variant.of(decision).quantizer().noise();
      float[] rescale = decision.rescale();
      int size = run.size(position);
      for (int i = 0; i < size; i++) {
        int c = i % noise.length;
        z[i] = (rescale == null ? z[i] : rescale[c] * z[i]) - noise[c];
      }
    }

    @Override
    public void close() {
      run.close();
    }
  }
}
