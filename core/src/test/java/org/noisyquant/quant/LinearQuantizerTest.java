package org.noisyquant.quant;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.noisyquant.error.NoisyQuantException;
import org.noisyquant.stats.InputMoments;
import org.noisyquant.testing.PlainCodeProducts;

class LinearQuantizerTest {
  private static final int CHANNELS = 32;
  private static final int OUTPUTS = 11;
  private static final int TOKENS = 150;
  private static final float STEP = 0.5f;

  /** Of every channel; inputs are multiples of the unit that follows from it. */
  private static final float ABS_MAX = 8f;

  private final float[] weight = Matrices.weight(CHANNELS, OUTPUTS, 31);
  private final float[] bias = Matrices.weight(1, OUTPUTS, 32);
  private final float[] noise = noise();
  private final float[] x = input();
  private final float[] z = quantized(x, ones());

  @Test
  void withoutMomentsTheBiasOnlyTakesTheNoiseOff() {
    QuantizedWeight minMax = WeightQuantizer.minMax(weight, CHANNELS, OUTPUTS, 4);

    QuantizedLinear q =
        LinearQuantizer.withoutMoments(
                settings(WeightRounding.MINMAX, false, false),
                CHANNELS,
                null,
                null,
                null,
                null,
                noise)
            .quantize(weight, bias, OUTPUTS);

    assertThat(q.weight().codes()).isEqualTo(minMax.codes());
    assertThat(q.weight().scales()).isEqualTo(minMax.scales());
    assertThat(q.bias()).isEqualTo(minMax.denoisedBias(bias, noise));
  }

  @Test
  void mseWithoutMomentsWeighsInTheRescaledSpace() {
    double[] secondMoment = new double[CHANNELS];
    double[] rescaledMoment = new double[CHANNELS];
    float[] rescale = powersOfTwo();
    float[] rows = weight.clone();
    for (int c = 0; c < CHANNELS; c++) {
      secondMoment[c] = 1 + c;
      rescaledMoment[c] = (1 + c) / ((double) rescale[c] * rescale[c]);
      for (int o = 0; o < OUTPUTS; o++) {
        rows[c * OUTPUTS + o] *= rescale[c];
      }
    }

    QuantizedWeight q =
        LinearQuantizer.withoutMoments(
                settings(WeightRounding.MSE, false, false),
                CHANNELS,
                secondMoment,
                null,
                null,
                rescale,
                null)
            .quantize(weight, bias, OUTPUTS)
            .weight();

    QuantizedWeight expected = WeightQuantizer.mse(rows, CHANNELS, OUTPUTS, 4, rescaledMoment);
    assertThat(q.codes()).isEqualTo(expected.codes());
    assertThat(q.scales()).isEqualTo(expected.scales());
  }

  @Test
  void biasCorrectionMakesTheMeanOutputExact() {
    float[] rescale = powersOfTwo();
    for (float[] scale : new float[][] {ones(), rescale}) {
      float[] seen = quantized(x, scale);
      for (WeightRounding rounding : WeightRounding.values()) {
        QuantizedLinear q =
            LinearQuantizer.of(settings(rounding, true, true), moments(x, scale), scale, noise)
                .quantize(weight, bias, OUTPUTS);

        float[] wq = q.weight().dequantized();
        for (int o = 0; o < OUTPUTS; o++) {
          double expected = bias[o];
          double actual = q.bias()[o];
          for (int t = 0; t < TOKENS; t++) {
            for (int c = 0; c < CHANNELS; c++) {
              int i = t * CHANNELS + c;
              double w = tokenWeight(t) / totalWeight();
              expected += w * x[i] * weight[c * OUTPUTS + o];
              actual += w * (seen[i] / scale[c] + noise[c]) * wq[c * OUTPUTS + o];
            }
          }
          assertThat(actual).isCloseTo(expected, within(2e-6));
        }
      }
    }
  }

  @Test
  void withoutBiasCorrectionTheBiasOnlyTakesTheNoiseOff() {
    QuantizedLinear q =
        LinearQuantizer.of(
                settings(WeightRounding.GPTQ, true, false), moments(x, ones()), null, noise)
            .quantize(weight, bias, OUTPUTS);

    assertThat(q.bias()).isEqualTo(q.weight().denoisedBias(bias, noise));
  }

  @Test
  void compensatedWeightsSolveTheNormalEquations() {
    for (boolean biasCorrection : new boolean[] {true, false}) {
      LinearQuantizer quantizer =
          LinearQuantizer.of(
              settings(WeightRounding.MSE, true, biasCorrection), moments(x, ones()), null, noise);

      float[] fitted = quantizer.compensated(weight, OUTPUTS);

      double[][] expected = ridgeRegression(biasCorrection);
      for (int c = 0; c < CHANNELS; c++) {
        for (int o = 0; o < OUTPUTS; o++) {
          assertThat((double) fitted[c * OUTPUTS + o]).isCloseTo(expected[c][o], within(1e-5));
        }
      }
      assertThat(residual(fitted, biasCorrection))
          .isLessThan(0.95 * residual(weight, biasCorrection));
    }
  }

  @Test
  void anExactInputNeedsNoCompensation() {
    float[] levels = quantized(x, ones());
    for (int i = 0; i < levels.length; i++) {
      levels[i] += noise[i % CHANNELS];
    }
    InputMoments exact = moments(levels, ones(), new float[CHANNELS], absMax());

    float[] fitted =
        LinearQuantizer.of(settings(WeightRounding.MSE, true, true), exact, null, null)
            .compensated(weight, OUTPUTS);

    // But for the rounding of inputs to 16 bits.
    assertThat(fitted).containsExactly(weight, within(2e-3f));
  }

  @Test
  void everyStepLowersTheOutputError() {
    for (WeightRounding rounding : WeightRounding.values()) {
      double error = outputError(rounding, false, false);
      double corrected = outputError(rounding, false, true);
      double compensated = outputError(rounding, true, true);

      assertThat(corrected).isLessThan(error);
      assertThat(compensated).isLessThan(0.6 * corrected);
    }
    assertThat(outputError(WeightRounding.GPTQ, true, true))
        .isLessThan(0.7 * outputError(WeightRounding.MSE, true, true));
  }

  @Test
  void aRescaleIsTheSameAsScaledInputsAndWeights() {
    float[] rescale = powersOfTwo();
    float[] scaledX = x.clone();
    float[] absMax = new float[CHANNELS];
    float[] rows = weight.clone();
    for (int c = 0; c < CHANNELS; c++) {
      for (int t = 0; t < TOKENS; t++) {
        scaledX[t * CHANNELS + c] /= rescale[c];
      }
      for (int o = 0; o < OUTPUTS; o++) {
        rows[c * OUTPUTS + o] *= rescale[c];
      }
      absMax[c] = ABS_MAX / rescale[c];
    }
    WeightSettings settings = settings(WeightRounding.GPTQ, true, true);

    QuantizedLinear rescaled =
        LinearQuantizer.of(settings, moments(x, rescale), rescale, noise)
            .quantize(weight, bias, OUTPUTS);

    QuantizedLinear scaled =
        LinearQuantizer.of(settings, moments(scaledX, ones(), noise, absMax), null, noise)
            .quantize(rows, bias, OUTPUTS);
    assertThat(rescaled.weight().codes()).isEqualTo(scaled.weight().codes());
    assertThat(rescaled.weight().scales()).containsExactly(scaled.weight().scales(), within(1e-7f));
    assertThat(rescaled.bias()).containsExactly(scaled.bias(), within(1e-5f));
  }

  @Test
  void layersOfOneSiteDoNotDependOnEachOther() {
    LinearQuantizer quantizer =
        LinearQuantizer.of(
            settings(WeightRounding.GPTQ, true, true), moments(x, ones()), null, noise);
    float[] other = Matrices.weight(CHANNELS, 3, 40);

    QuantizedLinear first = quantizer.quantize(weight, bias, OUTPUTS);
    quantizer.quantize(other, new float[3], 3);
    QuantizedLinear again = quantizer.quantize(weight, bias, OUTPUTS);

    assertThat(again.weight().codes()).isEqualTo(first.weight().codes());
    assertThat(again.bias()).isEqualTo(first.bias());
  }

  @Test
  void withMeansAloneTheMeanOutputIsExactToo() {
    double[] inputMean = new double[CHANNELS];
    double[] quantizedMean = new double[CHANNELS];
    for (int c = 0; c < CHANNELS; c++) {
      inputMean[c] = 0.5 - c * 0.1;
      quantizedMean[c] = inputMean[c] + 0.03 * c;
    }

    QuantizedLinear q =
        LinearQuantizer.withoutMoments(
                settings(WeightRounding.MINMAX, false, true),
                CHANNELS,
                null,
                inputMean,
                quantizedMean,
                null,
                noise)
            .quantize(weight, bias, OUTPUTS);

    float[] wq = q.weight().dequantized();
    for (int o = 0; o < OUTPUTS; o++) {
      double before = bias[o];
      double after = q.bias()[o];
      for (int c = 0; c < CHANNELS; c++) {
        before += inputMean[c] * weight[c * OUTPUTS + o];
        after += (quantizedMean[c] + noise[c]) * wq[c * OUTPUTS + o];
      }
      assertThat(after).isCloseTo(before, within(1e-5));
    }
  }

  @Test
  void refusesSettingsThatNeedMomentsItDoesNotHave() {
    for (WeightSettings settings :
        new WeightSettings[] {
          settings(WeightRounding.GPTQ, false, false),
          settings(WeightRounding.MINMAX, true, false),
          settings(WeightRounding.MINMAX, false, true),
          settings(WeightRounding.MSE, false, false)
        }) {
      assertThatThrownBy(
              () ->
                  LinearQuantizer.withoutMoments(settings, CHANNELS, null, null, null, null, null))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("need moments");
    }
    InputMoments none =
        InputMoments.empty(3, true, new InputMoments.Scales(ones(), ones(), ones()));
    assertThatThrownBy(
            () -> LinearQuantizer.of(settings(WeightRounding.GPTQ, true, true), none, null, null))
        .isInstanceOf(NoisyQuantException.class)
        .hasMessageContaining("site 3");
  }

  @Test
  void refusesARescaleThatIsNotPositive() {
    float[] rescale = ones();
    rescale[7] = 0f;

    assertThatThrownBy(
            () ->
                LinearQuantizer.of(
                    settings(WeightRounding.MSE, false, false), moments(x, ones()), rescale, null))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("channel 7: 0.0");
  }

  private static WeightSettings settings(
      WeightRounding rounding, boolean compensate, boolean biasCorrection) {
    return new WeightSettings(4, rounding, compensate, biasCorrection, 0.01);
  }

  private double outputError(WeightRounding rounding, boolean compensate, boolean biasCorrection) {
    QuantizedLinear q =
        LinearQuantizer.of(
                settings(rounding, compensate, biasCorrection), moments(x, ones()), null, noise)
            .quantize(weight, bias, OUTPUTS);
    float[] wq = q.weight().dequantized();
    double error = 0;
    for (int t = 0; t < TOKENS; t++) {
      for (int o = 0; o < OUTPUTS; o++) {
        double e = q.bias()[o] - bias[o];
        for (int c = 0; c < CHANNELS; c++) {
          int i = t * CHANNELS + c;
          e += (z[i] + noise[c]) * wq[c * OUTPUTS + o] - x[i] * weight[c * OUTPUTS + o];
        }
        error += tokenWeight(t) * e * e;
      }
    }
    return error;
  }

  /** Σω‖(z − z̄)W − (x − x̄)W0‖², the means only with bias correction. */
  private double residual(float[] fitted, boolean centred) {
    double[][] a = centred(z, centred);
    double[][] b = centred(x, centred);
    double sum = 0;
    for (int t = 0; t < TOKENS; t++) {
      for (int o = 0; o < OUTPUTS; o++) {
        double e = 0;
        for (int c = 0; c < CHANNELS; c++) {
          e += a[t][c] * fitted[c * OUTPUTS + o] - b[t][c] * weight[c * OUTPUTS + o];
        }
        sum += e * e;
      }
    }
    return sum;
  }

  /** The minimiser of residual / Σω + λ‖W − W0‖², from the rows themselves by elimination. */
  private double[][] ridgeRegression(boolean centred) {
    double[][] a = centred(z, centred);
    double[][] b = centred(x, centred);
    double[][] system = new double[CHANNELS][CHANNELS + OUTPUTS];
    double trace = 0;
    for (int i = 0; i < CHANNELS; i++) {
      for (int t = 0; t < TOKENS; t++) {
        trace += a[t][i] * a[t][i] / CHANNELS;
      }
    }
    for (int i = 0; i < CHANNELS; i++) {
      system[i][i] = 0.01 * trace;
      for (int o = 0; o < OUTPUTS; o++) {
        system[i][CHANNELS + o] = 0.01 * trace * weight[i * OUTPUTS + o];
      }
      for (int t = 0; t < TOKENS; t++) {
        for (int j = 0; j < CHANNELS; j++) {
          system[i][j] += a[t][i] * a[t][j];
          for (int o = 0; o < OUTPUTS; o++) {
            system[i][CHANNELS + o] += a[t][i] * b[t][j] * weight[j * OUTPUTS + o];
          }
        }
      }
    }
    for (int p = 0; p < CHANNELS; p++) {
      for (int i = 0; i < CHANNELS; i++) {
        double f = i == p ? 0 : system[i][p] / system[p][p];
        for (int j = p; j < CHANNELS + OUTPUTS; j++) {
          system[i][j] -= f * system[p][j];
        }
      }
    }
    double[][] solution = new double[CHANNELS][OUTPUTS];
    for (int i = 0; i < CHANNELS; i++) {
      for (int o = 0; o < OUTPUTS; o++) {
        solution[i][o] = system[i][CHANNELS + o] / system[i][i];
      }
    }
    return solution;
  }

  /** Rows times √ω, less the weighted mean. */
  private static double[][] centred(float[] values, boolean centred) {
    double[] mean = new double[CHANNELS];
    for (int i = 0; i < values.length && centred; i++) {
      mean[i % CHANNELS] += tokenWeight(i / CHANNELS) * values[i] / totalWeight();
    }
    double[][] rows = new double[TOKENS][CHANNELS];
    for (int i = 0; i < values.length; i++) {
      int t = i / CHANNELS;
      rows[t][i % CHANNELS] = Math.sqrt(tokenWeight(t)) * (values[i] - mean[i % CHANNELS]);
    }
    return rows;
  }

  private InputMoments moments(float[] values, float[] rescale) {
    float[] scaledNoise = noise.clone();
    for (int c = 0; c < CHANNELS; c++) {
      scaledNoise[c] *= rescale[c];
    }
    return moments(values, rescale, scaledNoise, absMax());
  }

  private static float[] absMax() {
    float[] absMax = new float[CHANNELS];
    Arrays.fill(absMax, ABS_MAX);
    return absMax;
  }

  private static InputMoments moments(
      float[] values, float[] rescale, float[] scaledNoise, float[] absMax) {
    float[] steps = rescale.clone();
    for (int c = 0; c < CHANNELS; c++) {
      steps[c] *= STEP;
    }
    MomentsCollector collector =
        new MomentsCollector(
            3,
            List.of(new NoisyQuantizer(4, steps, scaledNoise, scaledNoise)),
            absMax,
            true,
            new PlainCodeProducts());
    for (int t = 0; t < TOKENS; t++) {
      float[] token = Arrays.copyOfRange(values, t * CHANNELS, (t + 1) * CHANNELS);
      collector.add(token, 1, tokenWeight(t) == 1 ? 0 : 1, tokenWeight(t));
    }
    return collector.moments().get(0);
  }

  private static float tokenWeight(int token) {
    return token % 50 == 0 ? 20f : 1f;
  }

  private static double totalWeight() {
    return 3 * 20 + 147;
  }

  /** Inputs that share eight causes, off centre. */
  private static float[] input() {
    double[][] causes = Matrices.gaussian(8, CHANNELS, 33);
    Random random = new Random(34);
    float[] x = new float[TOKENS * CHANNELS];
    for (int t = 0; t < TOKENS; t++) {
      double[] strength = new double[causes.length];
      for (int k = 0; k < strength.length; k++) {
        strength[k] = 0.5 * random.nextGaussian();
      }
      for (int c = 0; c < CHANNELS; c++) {
        double value = 0.2 * random.nextGaussian() + 0.1 * (c % 5);
        for (int k = 0; k < strength.length; k++) {
          value += strength[k] * causes[k][c];
        }
        // A multiple of the unit of 16 bits, so that nothing is rounded on the way.
        float unit = ABS_MAX * 1.001f / InputMoments.MAX_INPUT;
        x[t * CHANNELS + c] = (float) Math.rint(value / unit) * unit;
      }
    }
    return x;
  }

  /** z = c·(q(x / c + N) − N) with four bits and a step of 0.5. */
  private float[] quantized(float[] values, float[] rescale) {
    UniformQuantizer quantizer = new UniformQuantizer(4, STEP);
    float[] seen = new float[values.length];
    for (int i = 0; i < values.length; i++) {
      int c = i % CHANNELS;
      seen[i] = rescale[c] * (quantizer.quantize(values[i] / rescale[c] + noise[c]) - noise[c]);
    }
    return seen;
  }

  private static float[] noise() {
    float[] noise = new float[CHANNELS];
    Random random = new Random(35);
    for (int c = 0; c < CHANNELS; c++) {
      noise[c] = Math.round((random.nextFloat() - 0.5f) * 64) / 64f;
    }
    return noise;
  }

  private static float[] ones() {
    float[] ones = new float[CHANNELS];
    Arrays.fill(ones, 1f);
    return ones;
  }

  private static float[] powersOfTwo() {
    float[] powers = new float[CHANNELS];
    for (int c = 0; c < CHANNELS; c++) {
      powers[c] = Math.scalb(1f, c % 4 - 2);
    }
    return powers;
  }
}
