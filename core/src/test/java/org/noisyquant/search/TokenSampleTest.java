package org.noisyquant.search;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class TokenSampleTest {
  private static final int TOKENS = 197;

  @Test
  void theChoiceDependsOnSeedImageAndSiteOnly() {
    float[] a = chosen(new TokenSample(0.25, 1, 1), "image", 3);

    assertThat(chosen(new TokenSample(0.25, 1, 1), "image", 3)).containsExactly(a);
    assertThat(chosen(new TokenSample(0.25, 2, 1), "image", 3)).isNotEqualTo(a);
    assertThat(chosen(new TokenSample(0.25, 1, 1), "other", 3)).isNotEqualTo(a);
    assertThat(chosen(new TokenSample(0.25, 1, 1), "image", 4)).isNotEqualTo(a);
  }

  @Test
  void everyTokenIsChosenInItsShareOfTheImages() {
    int images = 4000;
    int[] times = new int[TOKENS];
    for (int i = 0; i < images; i++) {
      for (float token : chosen(new TokenSample(0.25, 1, 1), "image" + i, 0)) {
        times[(int) token]++;
      }
    }

    // Binomial(4000, 0.25): standard deviation 27, five of them around 1000.
    for (int n : times) {
      assertThat(n).isBetween(863, 1137);
    }
  }

  @Test
  void aFractionOfOneTakesEveryTokenInOrder() {
    assertThat(chosen(new TokenSample(1, 9, 1), "image", 0)).hasSize(TOKENS).startsWith(0f, 1f, 2f);
  }

  @Test
  void sitesOfAFewTokensAreScoredWhole() {
    float[] target = new float[1];

    assertThat(new TokenSample(0.01, 1, 1).choose("image", 0, new float[] {7f}, 1, 1, 0, target))
        .isEqualTo(1);
    assertThat(target).containsExactly(7f);
  }

  @Test
  void tokensWithAWeightOfTheirOwnAreAlwaysChosenAndComeFirst() {
    float[] x = new float[TOKENS];
    for (int t = 0; t < TOKENS; t++) {
      x[t] = t;
    }
    float[] target = new float[TOKENS];
    TokenSample sample = new TokenSample(0.25, 1, 20);
    int special = sample.special(2, TOKENS);

    int rows = sample.choose("image", 3, x, TOKENS, 1, special, target);

    assertThat(special).isEqualTo(2);
    assertThat(target).startsWith(0f, 1f);
    assertThat(rows).isLessThan(TOKENS / 2);
    // A chosen patch token stands for four.
    assertThat(sample.specialWeight(TOKENS)).isEqualTo(5);
    assertThat(sample.specialWeight(1)).isEqualTo(20);
    assertThat(new TokenSample(0.25, 1, 1).special(2, TOKENS)).isZero();
  }

  private static float[] chosen(TokenSample sample, String image, int site) {
    float[] x = new float[TOKENS];
    for (int t = 0; t < TOKENS; t++) {
      x[t] = t;
    }
    float[] target = new float[TOKENS];
    int rows = sample.choose(image, site, x, TOKENS, 1, 0, target);
    return java.util.Arrays.copyOf(target, rows);
  }
}
