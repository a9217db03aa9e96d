package org.noisyquant.search;

import java.io.Serializable;
import org.noisyquant.random.SeededHash;

/**
 * A fixed random choice of tokens: which tokens of an image are scored depends on the seed, the
 * image and the site only. Where prefix tokens have a weight of their own all of them are scored:
 * an image has so few that a share of them would be noise.
 *
 * @param fraction share of the tokens, in (0, 1]
 * @param seed of the choice
 * @param prefixWeight how many patch tokens a class, distillation or register token counts for,
 *     positive; 1 is no difference
 */
public record TokenSample(double fraction, long seed, double prefixWeight) implements Serializable {
  /** Sites with so few tokens are scored whole: a share of them would leave many images out. */
  private static final int ALWAYS_WHOLE = 8;

  /** Checks the fraction. */
  public TokenSample {
    if (!(fraction > 0 && fraction <= 1)) {
      throw new IllegalArgumentException("token fraction must be in (0, 1]: " + fraction);
    }
    if (!(prefixWeight > 0) || Double.isInfinite(prefixWeight)) {
      throw new IllegalArgumentException("weight of prefix tokens: " + prefixWeight);
    }
  }

  /**
   * Copies the chosen tokens.
   *
   * @param image content digest of the image
   * @param site topological index of the site
   * @param x [tokens, channels], row-major
   * @param special how many tokens at the start have the weight of prefix tokens, see {@link
   *     #special}
   * @param chosen receives the chosen rows at its start, the special ones first; as long as x
   * @return how many tokens were chosen
   */
  public int choose(
      String image, int site, float[] x, int tokens, int channels, int special, float[] chosen) {
    if (isWhole(tokens)) {
      System.arraycopy(x, 0, chosen, 0, tokens * channels);
      return tokens;
    }
    long imageAndSite = SeededHash.hash(SeededHash.hash(seed, image), site);
    int rows = 0;
    for (int t = 0; t < tokens; t++) {
      if (t < special || SeededHash.unit(SeededHash.hash(imageAndSite, t)) < fraction) {
        System.arraycopy(x, t * channels, chosen, rows * channels, channels);
        rows++;
      }
    }
    return rows;
  }

  /**
   * How many tokens at the start of an image have the weight of prefix tokens.
   *
   * @param prefixTokens how many prefix tokens the site has
   * @param tokens of the image
   */
  public int special(int prefixTokens, int tokens) {
    return prefixWeight == 1 ? 0 : Math.min(prefixTokens, tokens);
  }

  /**
   * What a chosen special token counts against a chosen other one, which stands for 1/fraction
   * tokens.
   *
   * @param tokens of the image
   */
  public double specialWeight(int tokens) {
    return isWhole(tokens) ? prefixWeight : prefixWeight * fraction;
  }

  private boolean isWhole(int tokens) {
    return fraction == 1 || tokens <= ALWAYS_WHOLE;
  }
}
