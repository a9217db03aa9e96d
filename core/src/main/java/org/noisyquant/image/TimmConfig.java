package org.noisyquant.image;

import java.util.List;
import org.noisyquant.image.Resize.Exact;
import org.noisyquant.image.Resize.ShortestEdge;

/**
 * timm's {@code config.json}: input_size [3, height, width], interpolation, crop_pct, crop_mode,
 * mean and std, at the top or below pretrained_cfg. Pixels are resized to floor(input / crop_pct),
 * then cropped; the rescale factor is always 1/255.
 */
final class TimmConfig {
  private final JsonKeys keys;
  private final int height;
  private final int width;

  TimmConfig(JsonKeys keys, int height, int width) {
    this.keys = keys.has("pretrained_cfg") ? keys.object("pretrained_cfg") : keys;
    this.height = height;
    this.width = width;
  }

  Preprocessing read() {
    checkInputSize();
    for (String key : List.of("interpolation", "crop_pct", "mean", "std")) {
      keys.require(key, "write the value that the model was evaluated with");
    }
    double cropShare = keys.positive("crop_pct");
    if (cropShare > 1) {
      throw keys.invalid("crop_pct", cropShare + " is more than the whole picture; at most 1");
    }
    int scaledHeight = (int) Math.floor(height / cropShare);
    int scaledWidth = (int) Math.floor(width / cropShare);
    String mode = keys.text("crop_mode").orElse("center");
    Resize resize =
        switch (mode) {
          case "center" -> {
            if (height != width) {
              throw keys.invalid(
                  "crop_mode",
                  "center is supported for square inputs only, this one is "
                      + HuggingFaceConfig.size(height, width)
                      + "; use squash, or write a preprocessor_config.json");
            }
            yield new ShortestEdge(
                scaledHeight, HuggingFaceConfig.longEdgeRounding(keys), interpolation());
          }
          case "squash" -> new Exact(scaledHeight, scaledWidth, interpolation());
          default ->
              throw keys.invalid("crop_mode", mode + " is not supported; center and squash are");
        };
    boolean crop = mode.equals("center") || scaledHeight != height || scaledWidth != width;
    return new Preprocessing(
        height,
        width,
        resize,
        crop,
        1.0 / 255,
        keys.perChannel("mean"),
        keys.positivePerChannel("std"));
  }

  private void checkInputSize() {
    keys.require("input_size", "write [3, " + height + ", " + width + "], the model's input");
    List<Double> size = keys.numbers("input_size");
    if (!size.equals(List.of(3.0, (double) height, (double) width))) {
      throw keys.invalid(
          "input_size",
          size
              + " (channels, height, width) does not fit the model's input [3, "
              + height
              + ", "
              + width
              + "]; give the preprocessing that belongs to this model");
    }
  }

  private Interpolation interpolation() {
    String name = keys.text("interpolation").orElseThrow();
    return Interpolation.ofTimmName(name)
        .orElseThrow(
            () ->
                keys.invalid(
                    "interpolation",
                    name
                        + " is not known; nearest, lanczos, bilinear, bicubic, box and hamming"
                        + " are"));
  }
}
