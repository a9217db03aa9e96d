package org.noisyquant.graph;

import java.io.Serializable;
import java.util.List;
import java.util.Objects;

/**
 * One activation tensor with all the linear layers that read it: what owns a quantizer step and a
 * noisy bias. Query, key and value in split form are three layers of one site.
 *
 * @param index topological index among all sites of the model, from 0; the seed of its noise
 * @param name name of its layer, or of its layers joined
 * @param tensor name of the activation tensor in the ONNX graph
 * @param channels size C of its last axis
 * @param layers its consumers, in the model's node order, not empty
 * @param role where in the network it is
 * @param prefixTokens how many tokens at the start of each image's token axis are class,
 *     distillation or register tokens; 0 where there are none
 */
public record ActivationSite(
    int index,
    String name,
    String tensor,
    int channels,
    List<LinearLayer> layers,
    Role role,
    int prefixTokens)
    implements Serializable {

  /** Where in the network a site is. */
  public enum Role {
    /** A linear layer of a transformer block, or between blocks (patch merging). */
    BLOCK,
    /** The classifier: no other linear layer comes after it. */
    HEAD
  }

  /** Checks that the layers fit the tensor. */
  public ActivationSite {
    Objects.requireNonNull(name);
    Objects.requireNonNull(tensor);
    Objects.requireNonNull(role);
    layers = List.copyOf(layers);
    if (index < 0 || channels < 1 || prefixTokens < 0 || layers.isEmpty()) {
      throw new IllegalArgumentException(
          "site " + name + ": index " + index + ", channels " + channels + ", layers " + layers);
    }
    for (LinearLayer layer : layers) {
      if (layer.inputs() != channels) {
        throw new IllegalArgumentException(
            "site " + name + " has " + channels + " channels, layer " + layer);
      }
    }
  }

  /** Output channels of all layers of this site together. */
  public int outputs() {
    return layers.stream().mapToInt(LinearLayer::outputs).sum();
  }
}
