package org.noisyquant.spark.stage;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.List;
import org.noisyquant.quant.QuantizedLinear;
import org.noisyquant.search.SiteChoice;
import org.noisyquant.search.SiteDecision;

/**
 * The quantized layers of one site. Public because Spark encodes public classes only.
 *
 * @param position of the site in the plan
 * @param variant for which of its quantizers
 * @param layers in the order of the site's layers
 */
public record SiteWeights(int position, Variant variant, List<QuantizedLinear> layers)
    implements Serializable {

  /** Those of all sites. */
  record All(List<SiteWeights> weights) implements Serializable {
    /** Copies the list. */
    All {
      weights = new ArrayList<>(weights);
    }
  }

  /** Which of the two exported models. */
  public enum Variant {
    /** With noise: {@code model.onnx}. */
    CHOSEN,
    /** Without: {@code baseline.onnx}. */
    BASELINE;

    /** The quantizer of this variant. */
    SiteChoice of(SiteDecision decision) {
      return switch (this) {
        case CHOSEN -> decision.chosen().choice();
        case BASELINE -> decision.baseline().choice();
      };
    }
  }

  /** A site in one of the variants. */
  record SiteKey(int position, Variant variant) implements Serializable {
    static SiteKey of(int number) {
      return new SiteKey(number / 2, number % 2 == 0 ? Variant.CHOSEN : Variant.BASELINE);
    }

    /** 0 … 2 · sites − 1. */
    int number() {
      return 2 * position + (variant == Variant.CHOSEN ? 0 : 1);
    }
  }
}
