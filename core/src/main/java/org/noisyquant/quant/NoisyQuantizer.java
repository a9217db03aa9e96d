package org.noisyquant.quant;

import java.io.Serializable;
import java.util.Arrays;

/**
 * A site's activation quantizer with its noisy bias. In place of x the layers of the site see z =
 * q(x + N) − D, where q rounds channel c to multiples of s_c, half to even, and clamps to the
 * levels −2^(b−1) … 2^(b−1) − 1. D is what the layers' biases take off again: N alone in the paper
 * (equation 6), N plus the mean error with bias correction.
 *
 * <p>Steps differ between channels where the network absorbs a channel rescale x/c: s_c = s·c_c.
 *
 * <p>All arithmetic is in float, in the order of ONNX Runtime's kernel (division, rounding, clamp),
 * so that integer codes agree with the exported model. The arrays are not copied; they must not
 * change afterwards.
 *
 * @param bits b, 2 to 8
 * @param steps s [channels], in units of x; finite and positive
 * @param noise N [channels], in units of x
 * @param removed D [channels], in units of x
 */
@SuppressWarnings("ArrayRecordComponent") // Never compared or printed.
public record NoisyQuantizer(int bits, float[] steps, float[] noise, float[] removed)
    implements Serializable {
  /**
   * Adding and subtracting 1.5·2^23 rounds half to even while |x| ≤ 2^22; between the two the
   * integer is in the lowest bits.
   */
  static final float ROUND = 0x1.8p23f;

  /** Checks bits and shapes. */
  public NoisyQuantizer {
    UniformQuantizer.checkBits(bits);
    if (noise.length != steps.length || removed.length != steps.length) {
      throw new IllegalArgumentException(
          steps.length + " steps, " + noise.length + " noise, " + removed.length + " removed");
    }
    for (float step : steps) {
      UniformQuantizer.checkStep(step);
    }
  }

  /** One step for all channels, and D = N, as in the paper. */
  public static NoisyQuantizer uniform(UniformQuantizer quantizer, float[] noise) {
    float[] steps = new float[noise.length];
    Arrays.fill(steps, quantizer.step());
    return new NoisyQuantizer(quantizer.bits(), steps, noise, noise);
  }

  /** The same quantizer and noise with another D [channels]. */
  public NoisyQuantizer withRemoved(float[] other) {
    return new NoisyQuantizer(bits, steps, noise, other);
  }

  /** C. */
  public int channels() {
    return steps.length;
  }

  /** Whether N is zero in every channel. */
  public boolean isNoiseless() {
    for (float n : noise) {
      if (n != 0f) {
        return false;
      }
    }
    return true;
  }

  /**
   * The error that is left at a layer's input: e = (q(x + N) − D) − x.
   *
   * @param x activations [tokens, channels], row-major, finite, |x + N| &lt; 2^22 steps
   * @param tokens rows of x to work on
   * @param error receives e [tokens, channels] from {@code offset}
   * @param offset first index in {@code error}
   */
  public void error(float[] x, int tokens, float[] error, int offset) {
    int channels = steps.length;
    // HotSpot vectorizes the row loop only if all arrays share one index: hence the row copies.
    float[] row = new float[channels];
    float[] rowError = new float[channels];
    float low = -(1 << (bits - 1));
    for (int t = 0; t < tokens; t++) {
      System.arraycopy(x, t * channels, row, 0, channels);
      rowError(row, noise, removed, steps, rowError, low, -low - 1);
      System.arraycopy(rowError, 0, error, offset + t * channels, channels);
    }
  }

  /**
   * The codes k of one token, q(x + N) = s·k.
   *
   * @param x [channels], finite, |x + N| &lt; 2^22 steps
   * @param levels receives k [channels], −2^(b−1) … 2^(b−1) − 1
   */
  void levels(float[] x, float[] levels) {
    float low = -(1 << (bits - 1));
    rowLevels(x, noise, steps, levels, low, -low - 1);
  }

  /**
   * Rounds before it clamps (the same for integer bounds): on integers |r − low| − |r − high| is
   * exact, and unlike min and max it costs a few vector instructions only.
   */
  private static void rowError(
      float[] x,
      float[] noise,
      float[] removed,
      float[] steps,
      float[] error,
      float low,
      float high) {
    float bounds = low + high;
    for (int c = 0; c < x.length; c++) {
      float r = ((x[c] + noise[c]) / steps[c] + ROUND) - ROUND;
      float q = 0.5f * ((Math.abs(r - low) - Math.abs(r - high)) + bounds);
      error[c] = (q * steps[c] - removed[c]) - x[c];
    }
  }

  private static void rowLevels(
      float[] x, float[] noise, float[] steps, float[] levels, float low, float high) {
    float bounds = low + high;
    for (int c = 0; c < x.length; c++) {
      float r = ((x[c] + noise[c]) / steps[c] + ROUND) - ROUND;
      levels[c] = 0.5f * ((Math.abs(r - low) - Math.abs(r - high)) + bounds);
    }
  }
}
