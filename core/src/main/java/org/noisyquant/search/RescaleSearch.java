package org.noisyquant.search;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import org.noisyquant.quant.QuantizedWeight;
import org.noisyquant.quant.WeightQuantizer;

/**
 * The channel rescale c of a site whose producer absorbs it: the site's tensor becomes x/c, its
 * layers' weight rows are multiplied by c. In units of x every channel gets its own step s·c_c, so
 * activations gain, while weight rows of unlike size share the scale of an output, so weights lose
 * (RepQ-ViT takes the range of each channel; the exponent between is searched here).
 *
 * <p>c_c = 2^(−α·(j_c − j)/{@value StepTable#PER_OCTAVE}), rounded to a place of the table, where
 * j_c is the place that is best for the channel alone and j the median of all. Constant channels
 * have no range to follow and keep c = 1.
 */
final class RescaleSearch {
  private static final double[] EXPONENTS = {0, 0.25, 0.5, 0.75, 1};

  private final CostModel model;
  private final StepTable table;
  private final List<float[]> weights;
  private final int weightBits;
  private final double share;

  /**
   * A search.
   *
   * @param weights W of each layer [channels, outputs of the layer]
   * @param share of the weight error of rounding to nearest that remains
   */
  RescaleSearch(
      CostModel model, StepTable table, List<float[]> weights, int weightBits, double share) {
    this.share = share;
    this.model = model;
    this.table = table;
    this.weights = weights;
    this.weightBits = weightBits;
  }

  /** By how many places of the table each channel's step is below the common one [channels]. */
  int[] moves() {
    record Moved(int[] moves, double activationError) {}
    List<Moved> all = new ArrayList<>();
    for (double exponent : EXPONENTS) {
      int[] moves = moves(exponent);
      all.add(new Moved(moves, table.common(model, moves).cost()));
    }
    all.sort(Comparator.comparingDouble(Moved::activationError));
    int[] best = new int[model.channels()];
    double lowest = Double.POSITIVE_INFINITY;
    for (Moved moved : all) {
      // Where activations alone cost more, the weights need not be quantized to see it.
      if (moved.activationError() < lowest) {
        double cost = moved.activationError() + share * weightError(rescale(moved.moves()));
        if (cost < lowest) {
          lowest = cost;
          best = moved.moves();
        }
      }
    }
    return best;
  }

  private int[] moves(double exponent) {
    int[] own = new int[model.channels()];
    for (int c = 0; c < own.length; c++) {
      own[c] = table.best(c);
    }
    int[] sorted = Arrays.stream(own).filter(j -> j >= 0).sorted().toArray();
    int[] moves = new int[own.length];
    if (sorted.length > 0) {
      int median = sorted[sorted.length / 2];
      for (int c = 0; c < own.length; c++) {
        moves[c] = own[c] < 0 ? 0 : (int) Math.rint(exponent * (own[c] - median));
      }
    }
    return moves;
  }

  /** c [channels]. */
  static float[] rescale(int[] moves) {
    float[] rescale = new float[moves.length];
    for (int c = 0; c < moves.length; c++) {
      rescale[c] = (float) Math.pow(2, -(double) moves[c] / StepTable.PER_OCTAVE);
    }
    return rescale;
  }

  /** Σ_c E[x_c²]/c_c² · Σ_o ΔW'², W' = c·W, with centred x where biases are corrected. */
  private double weightError(float[] rescale) {
    double[] moments = new double[rescale.length];
    for (int c = 0; c < moments.length; c++) {
      double spread = model.channel(c).spread(model.correctsBias());
      moments[c] = spread / ((double) rescale[c] * rescale[c]);
    }
    double error = 0;
    for (float[] layer : weights) {
      int outputs = layer.length / rescale.length;
      float[] scaled = layer.clone();
      for (int c = 0; c < rescale.length; c++) {
        for (int o = 0; o < outputs; o++) {
          scaled[c * outputs + o] *= rescale[c];
        }
      }
      QuantizedWeight quantized =
          WeightQuantizer.mse(scaled, rescale.length, outputs, weightBits, moments);
      float[] rounded = quantized.dequantized();
      for (int c = 0; c < rescale.length; c++) {
        double sum = 0;
        for (int i = c * outputs; i < (c + 1) * outputs; i++) {
          double d = rounded[i] - scaled[i];
          sum += d * d;
        }
        error += moments[c] * sum;
      }
    }
    return error;
  }
}
