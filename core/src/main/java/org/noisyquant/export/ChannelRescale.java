package org.noisyquant.export;

/**
 * A change of channels, x' = (x + N) / c, and what it makes of constants that x is linear in. Not
 * copied.
 *
 * @param noise N [channels], or null for zeros
 * @param divisor c [channels], positive, or null for ones
 */
@SuppressWarnings("ArrayRecordComponent") // Never compared or printed.
record ChannelRescale(float[] noise, float[] divisor) {

  /** What is added to x: (v + N) / c for a shift or bias v [channels]. */
  float[] shifted(float[] v) {
    float[] changed = new float[v.length];
    for (int i = 0; i < v.length; i++) {
      double sum = noise == null ? v[i] : (double) v[i] + noise[i];
      changed[i] = (float) (divisor == null ? sum : sum / divisor[i]);
    }
    return changed;
  }

  /** What x is multiplied by: v / c for scales v [rows, channels], row-major. */
  float[] scaled(float[] v) {
    if (divisor == null) {
      return v;
    }
    float[] changed = new float[v.length];
    for (int i = 0; i < v.length; i++) {
      changed[i] = v[i] / divisor[i % divisor.length];
    }
    return changed;
  }

  /** The same layer with this change of its outputs. Codes stay: W_o / c_o is in the scales. */
  LayerWeights outputsOf(LayerWeights weights) {
    return new LayerWeights(
        weights.layer(),
        weights.bits(),
        weights.codes(),
        scaled(weights.scales()),
        shifted(weights.bias()));
  }

  /**
   * This change seen from where its channels come from.
   *
   * @param target for each channel its index there
   * @param size number of channels there; those that are no target do not change
   */
  ChannelRescale at(int[] target, int size) {
    float[] movedNoise = new float[size];
    float[] movedDivisor = new float[size];
    for (int i = 0; i < size; i++) {
      movedDivisor[i] = 1;
    }
    for (int c = 0; c < target.length; c++) {
      movedNoise[target[c]] = noise == null ? 0 : noise[c];
      movedDivisor[target[c]] = divisor == null ? 1 : divisor[c];
    }
    return new ChannelRescale(movedNoise, divisor == null ? null : movedDivisor);
  }
}
