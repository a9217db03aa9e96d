package org.noisyquant.graph;

import java.io.Serializable;
import java.util.Objects;

/**
 * Whether the network can hand (x + N) / c to a site in place of x at no inference cost, for any
 * fixed noise N [channels] and any positive rescale c [channels].
 */
public sealed interface NoiseFold extends Serializable {

  /** Whether N and c go into constants the network has already. */
  default boolean folds() {
    return !(this instanceof None);
  }

  /**
   * Into the scale γ and shift β of a LayerNorm: γ' = γ / c, β' = (β + N) / c. Channel by channel:
   * the site's channel i is the norm's channel i.
   *
   * @param name dotted name of the norm, such as {@code blocks.0.norm1}
   * @param scaleNode index of the node that multiplies by γ: LayerNormalization, or the Mul of a
   *     decomposed norm
   * @param shiftNode index of the node that adds β: the same, or the Add of a decomposed norm
   */
  record IntoLayerNorm(String name, int scaleNode, int shiftNode) implements NoiseFold {
    /** Checks the indices. */
    public IntoLayerNorm {
      Objects.requireNonNull(name);
      if (scaleNode < 0 || shiftNode < scaleNode) {
        throw new IllegalArgumentException(
            "norm " + name + ": nodes " + scaleNode + ", " + shiftNode);
      }
    }
  }

  /**
   * Into the layer that makes the values V of softmax(A)·V, whose rows of softmax sum to one: its
   * output o = outputOfChannel[i] becomes (W_o·x + b_o + N_i) / c_i. The array is not copied.
   *
   * @param producer the layer; it may make queries and keys too
   * @param outputOfChannel for each channel of the site the output of the producer it comes from;
   *     no output occurs twice
   */
  @SuppressWarnings("ArrayRecordComponent") // Read by index; never compared.
  record IntoValueBias(LinearLayer producer, int[] outputOfChannel) implements NoiseFold {
    /** Checks that every channel has an output of its own. */
    public IntoValueBias {
      boolean[] seen = new boolean[producer.outputs()];
      for (int output : outputOfChannel) {
        if (output < 0 || output >= seen.length || seen[output]) {
          throw new IllegalArgumentException(
              "layer " + producer.name() + ": output " + output + " is missing or used twice");
        }
        seen[output] = true;
      }
    }
  }

  /**
   * Not at all: the noise needs an Add of its own, and there is no rescale.
   *
   * @param reason why, for people
   */
  record None(String reason) implements NoiseFold {
    /** Checks that there is a reason. */
    public None {
      if (reason.isBlank()) {
        throw new IllegalArgumentException("no reason");
      }
    }
  }
}
