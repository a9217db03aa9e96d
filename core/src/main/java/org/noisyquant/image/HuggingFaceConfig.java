package org.noisyquant.image;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import org.noisyquant.image.Resize.Exact;
import org.noisyquant.image.Resize.LongEdgeRounding;
import org.noisyquant.image.Resize.ShortestEdge;

/**
 * Hugging Face's {@code preprocessor_config.json}. Where a value may be left out, its default is
 * that of the named image processor; where none is named and it matters, that is an error rather
 * than a guess.
 */
final class HuggingFaceConfig {
  private static final double ONE_255TH = 1.0 / 255;

  /** A single number as size is both edges for these, and for files that name no processor. */
  private static final Set<String> SQUARE = Set.of("", "ViT", "DeiT", "Beit");

  /** A single number as size is the shorter edge for these. */
  private static final Set<String> SHORTEST = Set.of("CLIP", "ConvNext", "Bit");

  /** These crop unless told otherwise. */
  private static final Set<String> CROPPING = Set.of("DeiT", "CLIP", "Bit");

  private static final Set<String> BICUBIC = Set.of("DeiT", "Beit", "CLIP", "Bit");
  private static final Set<String> BILINEAR = Set.of("ViT", "ConvNext");

  /** ConvNext pictures from this edge on are resized, not cropped. */
  private static final int UNCROPPED_EDGE = 384;

  private static final Set<String> KNOWN_SWITCHES =
      Set.of("do_resize", "do_center_crop", "do_rescale", "do_normalize", "do_convert_rgb");

  private final JsonKeys keys;
  private final int height;
  private final int width;
  private final String family;

  HuggingFaceConfig(JsonKeys keys, int height, int width) {
    this.keys = keys;
    this.height = height;
    this.width = width;
    this.family =
        keys.text("image_processor_type")
            .or(() -> keys.text("feature_extractor_type"))
            .orElse("")
            .replaceFirst("(ImageProcessor|FeatureExtractor)(Fast)?$", "");
  }

  Preprocessing read() {
    checkSwitches();
    boolean resizes = keys.flag("do_resize", true);
    boolean crops = keys.flag("do_center_crop", keys.has("crop_size") || CROPPING.contains(family));
    Resize resize = resizes ? resize(crops) : unresized(crops);
    if (crops) {
      checkCrop(resize);
    }
    boolean cropsAfterShare = keys.has("crop_pct") && resize instanceof ShortestEdge;
    return new Preprocessing(
        height,
        width,
        resize,
        crops || cropsAfterShare,
        rescaleFactor(),
        normalization("image_mean", 0),
        normalization("image_std", 1));
  }

  private void checkSwitches() {
    for (String key : keys.names()) {
      boolean unknown = key.startsWith("do_") && !KNOWN_SWITCHES.contains(key);
      if ((unknown || key.equals("rescale_offset")) && keys.flag(key, false)) {
        throw keys.invalid(key, "true is not supported; only false is");
      }
    }
  }

  /** The size then only says what pictures have, which must be what the model wants. */
  private Resize unresized(boolean crops) {
    boolean twoEdges = keys.isObject("size") && keys.object("size").has("height");
    if (!crops && twoEdges) {
      JsonKeys size = keys.object("size");
      if (size.pixels("height") != height || size.pixels("width") != width) {
        throw mismatch("size", size.pixels("height"), size.pixels("width"));
      }
    }
    return new Resize.None();
  }

  private Resize resize(boolean crops) {
    keys.require("size", "write {\"height\": .., \"width\": ..} or {\"shortest_edge\": ..}");
    if (keys.has("crop_pct") || family.equals("ConvNext")) {
      return resizeByShare(crops);
    }
    if (!keys.isObject("size")) {
      int edge = keys.pixels("size");
      if (SQUARE.contains(family)) {
        return exact(edge, edge, crops);
      }
      if (SHORTEST.contains(family)) {
        return shortestEdge(edge, crops);
      }
      throw keys.invalid(
          "size",
          edge
              + " may mean both edges or the shorter one for a "
              + family
              + " processor; write {\"height\": .., \"width\": ..} or {\"shortest_edge\": ..}");
    }
    JsonKeys size = keys.object("size");
    Set<String> names = Set.copyOf(size.names());
    if (names.equals(Set.of("height", "width"))) {
      return exact(size.pixels("height"), size.pixels("width"), crops);
    }
    if (names.equals(Set.of("shortest_edge"))) {
      return shortestEdge(size.pixels("shortest_edge"), crops);
    }
    throw keys.invalid(
        "size",
        "has the keys "
            + size.names()
            + "; supported are height and width, or shortest_edge alone");
  }

  /** ConvNext: the shorter edge becomes edge / crop_pct, then edge x edge is cut out. */
  private Resize resizeByShare(boolean crops) {
    keys.require("crop_pct", "write the share of the picture that is kept, such as 0.875");
    double share = keys.positive("crop_pct");
    int edge =
        keys.isObject("size") ? keys.object("size").pixels("shortest_edge") : keys.pixels("size");
    if (share > 1) {
      throw keys.invalid("crop_pct", share + " is more than the whole picture; at most 1");
    }
    if (crops) {
      throw keys.invalid("crop_pct", "implies a crop; leave do_center_crop and crop_size out");
    }
    if (height != edge || width != edge) {
      throw mismatch("size", edge, edge);
    }
    return edge >= UNCROPPED_EDGE
        ? new Exact(edge, edge, interpolation())
        : new ShortestEdge((int) (edge / share), longEdgeRounding(keys), interpolation());
  }

  private Resize exact(int sizeHeight, int sizeWidth, boolean crops) {
    if (!crops && (sizeHeight != height || sizeWidth != width)) {
      throw mismatch("size", sizeHeight, sizeWidth);
    }
    return new Exact(sizeHeight, sizeWidth, interpolation());
  }

  private Resize shortestEdge(int edge, boolean crops) {
    if (!crops) {
      throw keys.invalid(
          "size",
          "shortest_edge without a crop gives pictures of any shape, the model's input is "
              + size(height, width)
              + "; set do_center_crop and crop_size, or size with height and width");
    }
    return new ShortestEdge(edge, longEdgeRounding(keys), interpolation());
  }

  private void checkCrop(Resize resize) {
    keys.require("crop_size", "write the model's input, " + size(height, width));
    boolean twoEdges = keys.isObject("crop_size");
    int cropHeight =
        twoEdges ? keys.object("crop_size").pixels("height") : keys.pixels("crop_size");
    int cropWidth = twoEdges ? keys.object("crop_size").pixels("width") : cropHeight;
    if (cropHeight != height || cropWidth != width) {
      throw mismatch("crop_size", cropHeight, cropWidth);
    }
    if (!resize.canGive(height, width, true)) {
      throw keys.invalid(
          "crop_size",
          size(height, width) + " is larger than what size leaves to crop from; raise size");
    }
  }

  private Interpolation interpolation() {
    if (!keys.has("resample")) {
      if (BICUBIC.contains(family)) {
        return Interpolation.BICUBIC;
      }
      if (BILINEAR.contains(family)) {
        return Interpolation.BILINEAR;
      }
    }
    keys.require("resample", "write Pillow's number: 2 for bilinear, 3 for bicubic");
    int number = keys.integer("resample");
    return Interpolation.ofPillowNumber(number)
        .orElseThrow(
            () ->
                keys.invalid(
                    "resample",
                    number
                        + " is no filter of Pillow: 0 nearest, 1 lanczos, 2 bilinear, 3 bicubic,"
                        + " 4 box, 5 hamming"));
  }

  private double rescaleFactor() {
    if (!keys.flag("do_rescale", true)) {
      return 1;
    }
    return keys.has("rescale_factor") ? keys.positive("rescale_factor") : ONE_255TH;
  }

  private List<Double> normalization(String key, double without) {
    if (!keys.flag("do_normalize", true)) {
      return List.of(without, without, without);
    }
    keys.require(key, "write a number for each of red, green and blue, or do_normalize: false");
    return key.equals("image_std") ? keys.positivePerChannel(key) : keys.perChannel(key);
  }

  /** Our own key, also understood in timm's file. */
  static LongEdgeRounding longEdgeRounding(JsonKeys keys) {
    Optional<String> name = keys.text("long_edge_rounding");
    for (LongEdgeRounding rounding : LongEdgeRounding.values()) {
      if (name.isEmpty() || name.get().equals(lowerCase(rounding))) {
        return rounding;
      }
    }
    throw keys.invalid("long_edge_rounding", name.get() + " is not known; round and truncate are");
  }

  private RuntimeException mismatch(String key, int givenHeight, int givenWidth) {
    return keys.invalid(
        key,
        size(givenHeight, givenWidth)
            + " does not fit the model's input, "
            + size(height, width)
            + " (height x width); give the preprocessing that belongs to this model");
  }

  static String size(int height, int width) {
    return height + "x" + width;
  }

  static String write(Preprocessing preprocessing) {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    json.put("do_resize", !(preprocessing.resize() instanceof Resize.None));
    Resize resize = preprocessing.resize();
    if (resize instanceof ShortestEdge shortest) {
      json.putObject("size").put("shortest_edge", shortest.edge());
      json.put("long_edge_rounding", lowerCase(shortest.rounding()));
    } else if (resize instanceof Exact exact) {
      putSize(json, "size", exact.height(), exact.width());
    } else {
      putSize(json, "size", preprocessing.height(), preprocessing.width());
    }
    json.put("resample", resize.interpolation().pillowNumber());
    json.put("do_center_crop", preprocessing.centerCrop());
    if (preprocessing.centerCrop()) {
      putSize(json, "crop_size", preprocessing.height(), preprocessing.width());
    }
    json.put("do_rescale", true);
    json.put("rescale_factor", preprocessing.rescaleFactor());
    json.put("do_normalize", true);
    preprocessing.mean().forEach(json.withArray("image_mean")::add);
    preprocessing.std().forEach(json.withArray("image_std")::add);
    json.put("do_convert_rgb", true);
    return JsonKeys.write(json);
  }

  private static void putSize(ObjectNode json, String key, int height, int width) {
    json.putObject(key).put("height", height).put("width", width);
  }

  private static String lowerCase(LongEdgeRounding rounding) {
    return rounding.name().toLowerCase(Locale.ROOT);
  }
}
