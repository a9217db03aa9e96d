package org.noisyquant.onnx;

import java.util.Arrays;
import org.noisyquant.random.SeededHash;

/**
 * A value of its own in (1, 2) for each of some channels, by which it is known again where it went.
 * Values are irregular: a mean or a sum of several is most likely the value of none.
 */
final class ChannelNumbers {
  private static final long SEED = 20230614;

  /** What softmax rows that sum to one in float, and products with them, may be off by. */
  private static final double TOLERANCE = 1e-5;

  private final float[] numbers;
  private final int[] channelOfCell;

  ChannelNumbers(int channels) {
    numbers = new float[channels];
    channelOfCell = new int[channels];
    Integer[] order = new Integer[channels];
    Arrays.setAll(order, c -> c);
    Arrays.sort(
        order, (a, b) -> Long.compare(SeededHash.hash(SEED, 0, a), SeededHash.hash(SEED, 0, b)));
    for (int cell = 0; cell < channels; cell++) {
      double within = 0.25 + 0.5 * SeededHash.unit(SeededHash.hash(SEED, 1, cell));
      channelOfCell[cell] = order[cell];
      numbers[order[cell]] = (float) (1 + (cell + within) / channels);
    }
  }

  /** The value of each channel. */
  float[] values() {
    return numbers.clone();
  }

  /** The channel that has this value, or −1. */
  int channel(float value) {
    int cell = (int) Math.floor((value - 1.0) * numbers.length);
    if (cell < 0 || cell >= numbers.length) {
      return -1;
    }
    int channel = channelOfCell[cell];
    return Math.abs(value - numbers[channel]) < TOLERANCE ? channel : -1;
  }

  /**
   * Which channel each column of a matrix is, in all its rows.
   *
   * @param values [rows, columns]
   * @return [columns], or null if a column is no channel or not the same one in every row
   */
  int[] channels(float[] values, int columns) {
    if (values.length == 0 || values.length % columns != 0) {
      return null;
    }
    int[] found = new int[columns];
    for (int i = 0; i < values.length; i++) {
      int channel = channel(values[i]);
      if (channel < 0 || (i >= columns && channel != found[i % columns])) {
        return null;
      }
      found[i % columns] = channel;
    }
    return found;
  }
}
