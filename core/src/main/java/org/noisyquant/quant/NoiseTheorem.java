package org.noisyquant.quant;

/**
 * What a random noisy bias does to the expected squared quantization error (paper, section 3.1),
 * for a value v far from the clips of a quantizer of step s = 2h.
 *
 * <p>Let x in [0, h] be the distance of v to the nearest rounding threshold and N ~ Uniform(−n, n).
 * Without noise the error is h − x. With it, the error of q(v + N) − N is h − x − N while v + N
 * stays in v's cell. Going over a threshold at distance d by t = |N| − d turns an error of ±(h + t)
 * into ±(t − h), the same for every further threshold, and so takes 4ht from its square. With E[N²]
 * = n²/3 and E over N of 4h·max(0, t) = (h/n)·(n − d)², for n &gt; d,
 *
 * <pre>
 *   D(x, n, h) = E[(q(v + N) − N − v)²] − (q(v) − v)²
 *              = n²/3 − (h/n)·Σ (n − d)²,   over thresholds at distances d &lt; n.
 * </pre>
 *
 * <p>They lie at x, 2h + x, 4h + x, … on one side, and at 2h − x, 4h − x, … on the other:
 *
 * <ul>
 *   <li>n ≤ x: none. D = n²/3, noise costs.
 *   <li>x &lt; n ≤ 2h − x: the nearest. D = n²/3 − (h/n)(n − x)², the paper's theorem.
 *   <li>2h − x &lt; n ≤ 2h + x: D = n²/3 − (h/n)((n − x)² + (n − 2h + x)²).
 *   <li>and so on; for large n the error is uniform over the cell and D approaches h²/3 − (h − x)².
 * </ul>
 *
 * <p>D grows with x. All lengths are in the unit of the activation; a shift m of the noise moves v.
 */
public final class NoiseTheorem {
  private static final int BISECTIONS = 60;

  private NoiseTheorem() {}

  /**
   * The expected change D of the squared error, negative where noise helps. Takes time in
   * proportion to n/h.
   *
   * @param x distance to the nearest rounding threshold, 0 to h
   * @param n half width of the noise, finite, not negative
   * @param h half step, finite and positive
   */
  public static double expectedChange(double x, double n, double h) {
    checkNoise(n, h);
    if (!(x >= 0 && x <= h)) {
      throw new IllegalArgumentException(
          "distance to the nearest threshold must be 0 to the half step " + h + ": " + x);
    }
    double crossed = 0;
    for (int cell = 0; 2 * h * cell + x < n; cell++) {
      double near = n - (2 * h * cell + x);
      double far = Math.max(0, n - (2 * h * (cell + 1) - x));
      crossed += near * near + far * far;
    }
    return n == 0 ? 0 : n * n / 3 - h / n * crossed;
  }

  /**
   * The distance x* below which noise of this width helps, that is D &lt; 0: n(1 − √(n/3h)) while
   * noise at x* reaches the nearest threshold only (up to n = 1.56 h), else the root of D, to 1e-15
   * h. 0 without noise.
   *
   * @param n half width of the noise, finite, not negative
   * @param h half step, finite and positive
   */
  public static double breakEvenDistance(double n, double h) {
    checkNoise(n, h);
    double nearestOnly = n * (1 - Math.sqrt(n / (3 * h)));
    if (nearestOnly >= 0 && n <= 2 * h - nearestOnly) {
      return nearestOnly;
    }
    // D grows with x from below 0 at a threshold to above 0 at a level.
    double helps = 0;
    double costs = h;
    for (int i = 0; i < BISECTIONS; i++) {
      double middle = (helps + costs) / 2;
      if (expectedChange(middle, n, h) < 0) {
        helps = middle;
      } else {
        costs = middle;
      }
    }
    return helps;
  }

  /**
   * The distance of a value to the nearest rounding threshold (k + ½)·s, 0 to s/2.
   *
   * @param value a finite value
   * @param step s, finite and positive
   */
  public static double distanceToThreshold(double value, double step) {
    if (!Double.isFinite(value) || !(step > 0 && step < Double.POSITIVE_INFINITY)) {
      throw new IllegalArgumentException(
          "value must be finite and step finite and positive: " + value + ", " + step);
    }
    return Math.max(0, step / 2 - Math.abs(Math.IEEEremainder(value, step)));
  }

  private static void checkNoise(double n, double h) {
    if (!(n >= 0 && n < Double.POSITIVE_INFINITY) || !(h > 0 && h < Double.POSITIVE_INFINITY)) {
      throw new IllegalArgumentException(
          "noise must be finite and not negative, half step finite and positive: " + n + ", " + h);
    }
  }
}
