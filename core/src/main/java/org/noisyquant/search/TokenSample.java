package org.noisyquant.search;

import java.io.Serializable;
import org.noisyquant.random.SeededHash;

/**
 * A fixed random choice of tokens: which tokens of an image are scored depends on the seed, the
 * image and the site only.
 *
 * @param fraction share of the tokens, in (0, 1]
 * @param seed of the choice
 */
public record TokenSample(double fraction, long seed) implements Serializable {
  /** Sites with so few tokens are scored whole: a share of them would leave many images out. */
  private static final int ALWAYS_WHOLE = 8;

  /** Checks the fraction. */
  public TokenSample {
    if (!(fraction > 0 && fraction <= 1)) {
      throw new IllegalArgumentException("token fraction must be in (0, 1]: " + fraction);
    }
  }

  /**
   * Copies the chosen tokens.
   *
   * @param image content digest of the image
   * @param site topological index of the site
   * @param x [tokens, channels], row-major
   * @param chosen receives the chosen rows at its start; as long as x
   * @return how many tokens were chosen
   */
  public int choose(String image, int site, float[] x, int tokens, int channels, float[] chosen) {
    if (fraction == 1 || tokens <= ALWAYS_WHOLE) {
      System.arraycopy(x, 0, chosen, 0, tokens * channels);
      return tokens;
    }
    long imageAndSite = SeededHash.hash(SeededHash.hash(seed, image), site);
    int rows = 0;
    for (int t = 0; t < tokens; t++) {
      if (SeededHash.unit(SeededHash.hash(imageAndSite, t)) < fraction) {
        System.arraycopy(x, t * channels, chosen, rows * channels, channels);
        rows++;
      }
    }
    return rows;
  }
}
