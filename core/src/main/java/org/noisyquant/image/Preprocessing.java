package org.noisyquant.image;

import java.io.Serializable;
import java.util.List;
import java.util.Objects;
import org.noisyquant.error.NoisyQuantException;

/**
 * What is done to a decoded picture before it enters the model: resize, centre crop, then v =
 * (x·rescaleFactor − mean)/std per channel, x in 0..255. Equal by value: part of what must agree
 * for two calibrations to be comparable.
 *
 * @param height of the model's input in pixels
 * @param width of the model's input in pixels
 * @param resize comes first
 * @param centerCrop whether the middle height x width pixels are cut out, from row (n − height)/2
 *     and column (n − width)/2, rounded down
 * @param rescaleFactor usually 1/255
 * @param mean of red, green and blue, after rescaling
 * @param std of red, green and blue, after rescaling
 */
public record Preprocessing(
    int height,
    int width,
    Resize resize,
    boolean centerCrop,
    double rescaleFactor,
    List<Double> mean,
    List<Double> std)
    implements Serializable {

  /** Files beside a model that may hold its preprocessing, the first that is there counts. */
  public static final List<String> FILE_NAMES = List.of("preprocessor_config.json", "config.json");

  /** Checks that pictures come out at the size of the model's input. */
  public Preprocessing {
    Objects.requireNonNull(resize);
    mean = List.copyOf(mean);
    std = List.copyOf(std);
    if (height < 1
        || width < 1
        || !(rescaleFactor > 0)
        || mean.size() != 3
        || std.size() != 3
        || !std.stream().allMatch(value -> value > 0)
        || !resize.canGive(height, width, centerCrop)) {
      throw new IllegalArgumentException(
          "preprocessing for "
              + height
              + "x"
              + width
              + " pixels: "
              + resize
              + (centerCrop ? ", centre crop" : ", no crop")
              + ", rescale factor "
              + rescaleFactor
              + ", mean "
              + mean
              + ", std "
              + std);
    }
  }

  /**
   * Reads a Hugging Face {@code preprocessor_config.json} or a timm {@code config.json}, told apart
   * by their keys.
   *
   * @param json content of the file
   * @param where what messages call it, such as its path
   * @param modelHeight height of the model's input in pixels
   * @param modelWidth width of the model's input in pixels
   * @throws NoisyQuantException PREPROCESSING_INVALID if it is no JSON of either kind, a key is
   *     missing or has a value that is not supported, or pictures would not come out at the size of
   *     the model's input; the message names the key
   */
  public static Preprocessing fromJson(String json, String where, int modelHeight, int modelWidth) {
    JsonKeys keys = JsonKeys.parse(json, where);
    if (keys.has("pretrained_cfg") || keys.has("input_size")) {
      return new TimmConfig(keys, modelHeight, modelWidth).read();
    }
    if (keys.has("size") || keys.has("do_resize") || keys.has("image_mean")) {
      return new HuggingFaceConfig(keys, modelHeight, modelWidth).read();
    }
    throw keys.invalid(
        "has neither the keys of preprocessor_config.json (size, image_mean, image_std, ...) nor"
            + " those of timm's config.json (pretrained_cfg, input_size). Give the preprocessing"
            + " that belongs to the model");
  }

  /**
   * Hugging Face form, the same bytes for equal values; {@link #fromJson} gives it back. The one
   * key of our own is {@code long_edge_rounding}: round (the default) or truncate.
   */
  public String toJson() {
    return HuggingFaceConfig.write(this);
  }
}
