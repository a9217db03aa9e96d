package org.noisyquant.quant;

/**
 * Linear symmetric quantizer of b bits: q(x) = s · clamp(rint(x / s), −2^(b−1), 2^(b−1) − 1), with
 * half-to-even rounding, as ONNX QuantizeLinear with zero point 0 and a preceding Clip.
 *
 * <p>All arithmetic is in float, in the order of ONNX Runtime's kernel (division, clamp, rounding),
 * so that integer codes agree with the exported model.
 *
 * @param bits b, 2 to 8
 * @param step s, the distance of two levels, in units of x; finite and positive
 */
public record UniformQuantizer(int bits, float step) {
  /** Adding and subtracting 1.5·2^23 rounds half to even while |x| ≤ 2^22. */
  private static final float ROUND = 0x1.8p23f;

  /** Checks bits and step. */
  public UniformQuantizer {
    if (bits < 2 || bits > 8) {
      throw new IllegalArgumentException("bits must be 2 to 8: " + bits);
    }
    if (!(step > 0f) || Float.isInfinite(step)) {
      throw new IllegalArgumentException("step must be finite and positive: " + step);
    }
  }

  /** The largest level of b bits, 2^(b−1) − 1; the smallest is −2^(b−1). */
  public static int maxLevel(int bits) {
    return (1 << (bits - 1)) - 1;
  }

  /** The largest level, in steps. */
  public int maxLevel() {
    return maxLevel(bits);
  }

  /** The smallest level, in steps. */
  public int minLevel() {
    return -maxLevel(bits) - 1;
  }

  /** The integer code of a finite x. */
  public int code(float x) {
    float t = Math.max(minLevel(), Math.min(maxLevel(), x / step));
    return (int) ((t + ROUND) - ROUND);
  }

  /** q(x) for a finite x. */
  public float quantize(float x) {
    return code(x) * step;
  }

  /**
   * The error that NoisyQuant leaves at a layer's input: e = (q(x + N) − N) − x.
   *
   * @param x activations [tokens, channels], row-major, finite
   * @param noise N [channels]
   * @param tokens rows of x to work on
   * @param error receives e [tokens, channels] from {@code offset}
   * @param offset first index in {@code error}
   */
  public void error(float[] x, float[] noise, int tokens, float[] error, int offset) {
    int channels = noise.length;
    float low = minLevel();
    float high = maxLevel();
    for (int t = 0; t < tokens; t++) {
      int from = t * channels;
      int to = offset + from;
      for (int c = 0; c < channels; c++) {
        float n = noise[c];
        float v = x[from + c];
        float q = Math.max(low, Math.min(high, (v + n) / step));
        error[to + c] = (((q + ROUND) - ROUND) * step - n) - v;
      }
    }
  }
}
