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
    checkBits(bits);
    checkStep(step);
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

  static void checkBits(int bits) {
    if (bits < 2 || bits > 8) {
      throw new IllegalArgumentException("bits must be 2 to 8: " + bits);
    }
  }

  static void checkStep(float step) {
    if (!(step > 0f) || Float.isInfinite(step)) {
      throw new IllegalArgumentException("step must be finite and positive: " + step);
    }
  }
}
