package org.noisyquant.search;

/**
 * The offset N_c of one channel that minimises the error of that channel at a given step: Var(e)
 * where biases are corrected, else E[e²]. Offsets may be many steps: they also move a channel to
 * where it is clipped least, as far as it was seen and, where that makes no difference, as far as
 * other channels tell ({@link UnseenValues}).
 *
 * <p>The first round looks at a whole period of the rounding error (one step) where the channel
 * fits into the levels, at the place that other channels ask for, else at all places from which it
 * is clipped at one side only or at both; further rounds look around the best so far, until offsets
 * are close. For a channel of many steps these rounds see its clipping only, and a last one where
 * its values lie between levels.
 *
 * <p>Mutable, not thread-safe.
 */
final class OffsetSearch {
  /**
   * Offsets of one round and step. Rounds go on until they are this share of a step apart: the best
   * is missed by 1/32 of a step at most, whose square is about 1 % of the error s²/12 of rounding.
   */
  static final int FINE = 16;

  /** Half as many: good enough to find the step. */
  static final int ROUGH = 8;

  /**
   * A channel over so many steps has values at all places between levels, whatever its offset:
   * rounding costs s²/12, and only clipping asks for an offset.
   */
  private static final int WIDE = 64;

  private static final float RESOLUTION_OF_WIDE = 0.5f;
  private static final int PHASES_OF_WIDE = 4;

  private final int offsetsOfRound;
  private final float resolution;

  /** Places between levels that are compared for a channel of many steps. */
  private final int phasesOfWide;

  private final boolean biasCorrection;
  private final int levels;
  private final int low;
  private final UnseenValues unseen;
  private final ErrorMoments moments;
  private final float[] offsets;
  private final float[] costs;

  /** Costs with those of unseen values, by which offsets are compared. */
  private final float[] compared;

  /** Costs without an offset. */
  private final float[] plain;

  private final float[] spacing;

  /** Of which step a pair is. */
  private final int[] owners;

  /**
   * A search.
   *
   * @param unseen values that channels may take besides their own
   * @param capacity the most steps of one call
   * @param offsetsOfRound {@link #FINE} or {@link #ROUGH}
   */
  OffsetSearch(
      int bits, boolean biasCorrection, UnseenValues unseen, int capacity, int offsetsOfRound) {
    this.offsetsOfRound = offsetsOfRound;
    resolution = 1f / (offsetsOfRound - 1);
    phasesOfWide = offsetsOfRound == FINE ? PHASES_OF_WIDE : 1;
    this.unseen = unseen;
    this.biasCorrection = biasCorrection;
    levels = 1 << bits;
    low = -(1 << (bits - 1));
    moments = new ErrorMoments(bits, capacity * offsetsOfRound);
    offsets = new float[capacity];
    costs = new float[capacity];
    compared = new float[capacity];
    plain = new float[capacity];
    spacing = new float[capacity];
    owners = new int[capacity * offsetsOfRound];
  }

  /**
   * Finds the best offset for each of these steps.
   *
   * @param steps in units of the activation; the first {@code count} are used
   */
  void search(ChannelDistribution channel, float[] steps, int count) {
    moments.clear();
    for (int j = 0; j < count; j++) {
      compared[j] = Float.POSITIVE_INFINITY;
      firstRound(channel, steps[j], j);
    }
    takeBest(channel, WIDE);
    while (narrowerRound(channel, steps, count)) {
      takeBest(channel, WIDE);
    }
    betweenLevels(channel, steps, count);
    moments.clear();
    for (int j = 0; j < count; j++) {
      moments.add(steps[j], 0f);
    }
    moments.evaluate(channel);
    for (int j = 0; j < count; j++) {
      plain[j] = pairCost(j);
    }
  }

  /** Where a channel of many steps lies between levels, and what that costs. */
  private void betweenLevels(ChannelDistribution channel, float[] steps, int count) {
    moments.clear();
    for (int j = 0; j < count; j++) {
      if (isWide(channel, steps[j])) {
        compared[j] = Float.POSITIVE_INFINITY;
        for (int k = 0; k < phasesOfWide; k++) {
          owners[moments.size()] = j;
          moments.add(steps[j], offsets[j] + k * steps[j] / phasesOfWide);
        }
      }
    }
    takeBest(channel, Double.POSITIVE_INFINITY);
  }

  /** Looks closer where offsets are still far apart; whether there was anything left to do. */
  private boolean narrowerRound(ChannelDistribution channel, float[] steps, int count) {
    moments.clear();
    for (int j = 0; j < count; j++) {
      float close = isWide(channel, steps[j]) ? RESOLUTION_OF_WIDE : resolution;
      if (spacing[j] > steps[j] * close) {
        float closer = 2 * spacing[j] / offsetsOfRound;
        float from = offsets[j] - spacing[j] + closer / 2;
        spacing[j] = closer;
        for (int k = 0; k < offsetsOfRound; k++) {
          owners[moments.size()] = j;
          moments.add(steps[j], from + k * closer);
        }
      }
    }
    return moments.size() > 0;
  }

  private void firstRound(ChannelDistribution channel, float step, int j) {
    // At x + N from these two, the extremes are just not clipped.
    float lowest = low * step - channel.minimum();
    float highest = (low + levels - 1) * step - channel.maximum();
    float from;
    float to;
    if (highest - lowest >= step) {
      // The channel fits: one period, where there is most room for other values.
      float centre = roomiest(lowest + step / 2, highest - step / 2, step);
      from = centre - step / 2;
      to = centre + step / 2;
    } else {
      from = Math.min(lowest, highest) - step / 2;
      to = Math.max(lowest, highest) + step / 2;
    }
    spacing[j] = (to - from) / offsetsOfRound;
    for (int k = 0; k < offsetsOfRound; k++) {
      owners[moments.size()] = j;
      moments.add(step, from + (k + 0.5f) * spacing[j]);
    }
  }

  private static boolean isWide(ChannelDistribution channel, float step) {
    return channel.isLongerThan(WIDE, step);
  }

  /** The offset of an interval from which least of the unseen values is clipped. */
  private float roomiest(float from, float to, float step) {
    float nearest = Math.max(from, Math.min(to, 0f));
    if (clipping(nearest, step) == 0) {
      return nearest;
    }
    float left = from;
    float right = to;
    // Clipping is convex in the offset: a third beside the worse of two offsets can be left out.
    while (right - left > step / 2) {
      float third = (right - left) / 3;
      if (clipping(left + third, step) > clipping(right - third, step)) {
        left += third;
      } else {
        right -= third;
      }
    }
    return (left + right) / 2;
  }

  private float clipping(float offset, float step) {
    return unseen.clipping(low * step - offset, (low + levels - 1) * step - offset);
  }

  private void takeBest(ChannelDistribution channel, double smooth) {
    moments.evaluate(channel, smooth);
    for (int pair = 0; pair < moments.size(); pair++) {
      int j = owners[pair];
      float cost = pairCost(pair);
      float with = cost + clipping(moments.offset(pair), moments.step(pair));
      if (with < compared[j]) {
        compared[j] = with;
        costs[j] = cost;
        offsets[j] = moments.offset(pair);
      }
    }
  }

  private float pairCost(int pair) {
    return biasCorrection ? moments.variance(pair) : moments.square(pair);
  }

  /** N_c of a step of the last search. */
  float offset(int j) {
    return offsets[j];
  }

  /** What the channel's own values cost at the offset: Var(e) or E[e²]. */
  float cost(int j) {
    return costs[j];
  }

  /** The same without an offset. */
  float plainCost(int j) {
    return plain[j];
  }
}
