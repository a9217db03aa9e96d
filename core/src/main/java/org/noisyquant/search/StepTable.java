package org.noisyquant.search;

import java.util.Arrays;

/**
 * What each channel of a site costs at each step of a common geometric grid, alone: with its best
 * offset, and without any. Step j is top·2^(−j/{@value #PER_OCTAVE}), so that a channel rescale by
 * powers of 2^(1/{@value #PER_OCTAVE}) only moves a channel's place in the table.
 */
final class StepTable {
  /** Places of one octave. */
  static final int PER_OCTAVE = 16;

  /** Places at which costs are computed; those between are interpolated. */
  private static final int STRIDE = 4;

  private static final int STEPS_PER_OCTAVE = PER_OCTAVE / STRIDE;

  /** Every channel's table reaches to this share of the top: no clip below is of use. */
  private static final int OCTAVES = 5;

  /** And to this share of the step that holds the channel's own range. */
  private static final int OWN_OCTAVES = 3;

  private static final int MOST_OCTAVES = 16;

  /** Where a channel is clipped to so many times its least cost, finer steps are not looked at. */
  private static final float HOPELESS = 16;

  private final float top;
  private final float[][] costs;
  private final boolean[] constant;
  private final boolean offsets;

  /**
   * The table of a site.
   *
   * @param top the widest step
   * @param offsets whether channels may have offsets
   * @param ownRanges whether channels may have steps of their own, so that the table must reach
   *     down to these
   */
  StepTable(CostModel model, float top, boolean offsets, boolean ownRanges) {
    this.top = top;
    this.offsets = offsets;
    costs = new float[model.channels()][];
    constant = new boolean[costs.length];
    OffsetSearch search =
        new OffsetSearch(
            model.bits(),
            model.correctsBias(),
            model.unseen(),
            STEPS_PER_OCTAVE,
            OffsetSearch.ROUGH);
    ErrorMoments plain = new ErrorMoments(model.bits(), STEPS_PER_OCTAVE);
    for (int c = 0; c < costs.length; c++) {
      ChannelDistribution channel = model.channel(c);
      constant[c] = channel.isConstant();
      int octaves = ownRanges ? octaves(channel, model.bits()) : OCTAVES;
      costs[c] = new float[octaves * STEPS_PER_OCTAVE];
      float[] steps = new float[STEPS_PER_OCTAVE];
      // With steps near zero nothing of the channel is left but its mean.
      Arrays.fill(costs[c], (float) channel.spread(model.correctsBias()));
      float lowest = Float.POSITIVE_INFINITY;
      for (int first = 0; first < costs[c].length; first += STEPS_PER_OCTAVE) {
        for (int j = 0; j < STEPS_PER_OCTAVE; j++) {
          steps[j] = step((first + j) * STRIDE);
        }
        evaluate(model, channel, search, plain, steps, costs[c], first);
        for (int j = first; j < first + STEPS_PER_OCTAVE; j++) {
          lowest = Math.min(lowest, costs[c][j]);
        }
        if (costs[c][first + STEPS_PER_OCTAVE - 1] > HOPELESS * lowest) {
          break;
        }
      }
    }
  }

  private void evaluate(
      CostModel model,
      ChannelDistribution distribution,
      OffsetSearch search,
      ErrorMoments plain,
      float[] steps,
      float[] channel,
      int first) {
    if (offsets) {
      search.search(distribution, steps, steps.length);
      for (int j = 0; j < steps.length; j++) {
        channel[first + j] = Math.min(search.plainCost(j), search.cost(j));
      }
      return;
    }
    plain.clear();
    for (float step : steps) {
      plain.add(step, 0f);
    }
    plain.evaluate(distribution);
    for (int j = 0; j < steps.length; j++) {
      channel[first + j] = model.correctsBias() ? plain.variance(j) : plain.square(j);
    }
  }

  private int octaves(ChannelDistribution channel, int bits) {
    double own = (channel.maximum() - (double) channel.minimum()) / ((1 << bits) - 1);
    if (!(own > 0)) {
      return OCTAVES;
    }
    int needed = (int) Math.ceil(Math.log(top / own) / Math.log(2)) + OWN_OCTAVES;
    return Math.max(OCTAVES, Math.min(MOST_OCTAVES, needed));
  }

  /** The step of a place. */
  float step(double place) {
    return (float) (top * Math.pow(2, -place / PER_OCTAVE));
  }

  /** What a channel costs at a place; beyond the table what it costs at its end. */
  float cost(int channel, int place) {
    float[] own = costs[channel];
    int inside = Math.max(0, Math.min((own.length - 1) * STRIDE, place));
    int index = inside / STRIDE;
    float share = (float) (inside % STRIDE) / STRIDE;
    return share == 0f ? own[index] : own[index] + share * (own[index + 1] - own[index]);
  }

  /** The place where a channel alone costs least; −1 for a constant channel, which has none. */
  int best(int channel) {
    if (constant[channel]) {
      return -1;
    }
    float[] own = costs[channel];
    int best = 0;
    for (int j = 1; j < own.length; j++) {
      best = own[j] < own[best] ? j : best;
    }
    return best * STRIDE;
  }

  /**
   * The step for all channels that costs least.
   *
   * @param moves by how many places each channel's step is below the common one [channels]
   * @return its place
   */
  Best common(CostModel model, int[] moves) {
    int deepest = 0;
    for (int c = 0; c < costs.length; c++) {
      deepest = Math.max(deepest, costs[c].length * STRIDE - moves[c]);
    }
    Best best = new Best(0, Double.POSITIVE_INFINITY);
    for (int place = -Arrays.stream(moves).min().orElse(0); place < deepest; place++) {
      double sum = 0;
      for (int c = 0; c < costs.length; c++) {
        sum += model.gain(c) * cost(c, place + moves[c]);
      }
      if (sum < best.cost()) {
        best = new Best(place, sum);
      }
    }
    return best;
  }

  /**
   * A common step.
   *
   * @param place of the step
   * @param cost Σ_c G_cc · cost of channel c
   */
  record Best(int place, double cost) {}
}
