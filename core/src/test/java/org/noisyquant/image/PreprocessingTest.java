package org.noisyquant.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.noisyquant.error.ErrorCode;
import org.noisyquant.error.NoisyQuantException;
import org.noisyquant.image.Resize.Exact;
import org.noisyquant.image.Resize.LongEdgeRounding;
import org.noisyquant.image.Resize.ShortestEdge;

class PreprocessingTest {
  private static final String NORMALIZATION =
      "'image_mean': [0.485, 0.456, 0.406], 'image_std': [0.229, 0.224, 0.225]";
  private static final List<Double> MEAN = List.of(0.485, 0.456, 0.406);
  private static final List<Double> STD = List.of(0.229, 0.224, 0.225);

  @Test
  void readsAShortestEdgeWithACrop() {
    Preprocessing read =
        huggingFace(
            "'size': {'shortest_edge': 256}, 'resample': 3, 'crop_size': {'height': 224,"
                + " 'width': 224}");

    assertThat(read)
        .isEqualTo(
            new Preprocessing(
                224,
                224,
                new ShortestEdge(256, LongEdgeRounding.ROUND, Interpolation.BICUBIC),
                true,
                1.0 / 255,
                MEAN,
                STD));
  }

  @Test
  void readsTheOldFormOfTheDeiTFile() {
    Preprocessing read =
        huggingFace(
            "'feature_extractor_type': 'DeiTFeatureExtractor', 'do_center_crop': true,"
                + " 'crop_size': 224, 'size': 256, 'do_resize': true, 'resample': 3");

    assertThat(read.resize()).isEqualTo(new Exact(256, 256, Interpolation.BICUBIC));
    assertThat(read.centerCrop()).isTrue();
  }

  @Test
  void readsTheFileOfViTAndSwin() {
    Preprocessing read =
        huggingFace("'image_processor_type': 'ViTImageProcessorFast', 'size': 224");

    assertThat(read.resize()).isEqualTo(new Exact(224, 224, Interpolation.BILINEAR));
    assertThat(read.centerCrop()).isFalse();
  }

  @Test
  void readsConvNextsShareOfThePicture() {
    Preprocessing read =
        huggingFace(
            "'image_processor_type': 'ConvNextImageProcessor', 'size': {'shortest_edge': 224},"
                + " 'crop_pct': 0.875, 'long_edge_rounding': 'truncate'");

    assertThat(read.resize())
        .isEqualTo(new ShortestEdge(256, LongEdgeRounding.TRUNCATE, Interpolation.BILINEAR));
    assertThat(read.centerCrop()).isTrue();
  }

  @ParameterizedTest
  @CsvSource({"0, NEAREST", "1, LANCZOS", "2, BILINEAR", "3, BICUBIC", "4, BOX", "5, HAMMING"})
  void readsPillowsFilterNumbers(int number, Interpolation filter) {
    assertThat(huggingFace("'size': 224, 'resample': " + number).resize().interpolation())
        .isEqualTo(filter);
  }

  @Test
  void switchesTurnStepsOff() {
    Preprocessing read =
        read("{'do_resize': false, 'do_rescale': false, 'do_normalize': false, 'size': 224}");

    assertThat(read)
        .isEqualTo(
            new Preprocessing(
                224,
                224,
                new Resize.None(),
                false,
                1,
                Collections.nCopies(3, 0.0),
                Collections.nCopies(3, 1.0)));
  }

  @ParameterizedTest
  @ValueSource(strings = {"{%s}", "{'architecture': 'deit', 'pretrained_cfg': {%s}}"})
  void readsTimmsFileFlatAndNested(String form) {
    Preprocessing read =
        read(
            String.format(
                form,
                "'input_size': [3, 224, 224], 'interpolation': 'bicubic', 'crop_pct': 0.9,"
                    + " 'crop_mode': 'center', 'mean': [0.485, 0.456, 0.406], 'std': [0.229,"
                    + " 0.224, 0.225]"));

    // floor(224 / 0.9) = 248
    assertThat(read)
        .isEqualTo(
            new Preprocessing(
                224,
                224,
                new ShortestEdge(248, LongEdgeRounding.ROUND, Interpolation.BICUBIC),
                true,
                1.0 / 255,
                MEAN,
                STD));
  }

  @Test
  void timmsSquashResizesBothEdges() {
    Preprocessing read =
        read(
            "{'input_size': [3, 224, 224], 'interpolation': 'bilinear', 'crop_pct': 1.0,"
                + " 'crop_mode': 'squash', 'mean': [0, 0, 0], 'std': [1, 1, 1]}");

    assertThat(read.resize()).isEqualTo(new Exact(224, 224, Interpolation.BILINEAR));
    assertThat(read.centerCrop()).isFalse();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "'size': {'shortest_edge': 256}, 'resample': 3, 'crop_size': 224",
        "'size': {'shortest_edge': 256}, 'resample': 1, 'crop_size': 224, 'long_edge_rounding':"
            + " 'truncate'",
        "'size': {'height': 224, 'width': 224}, 'resample': 2, 'rescale_factor': 0.0078125",
        "'do_resize': false, 'crop_size': 224",
        "'do_resize': false"
      })
  void writingAndReadingChangesNothing(String keys) {
    Preprocessing preprocessing = huggingFace(keys);

    Preprocessing again = Preprocessing.fromJson(preprocessing.toJson(), "again", 224, 224);

    assertThat(again).isEqualTo(preprocessing);
    assertThat(again.toJson()).isEqualTo(preprocessing.toJson());
  }

  @Test
  void writesHuggingFacesKeysInAFixedOrder() {
    String json =
        huggingFace("'size': {'shortest_edge': 256}, 'resample': 3, 'crop_size': 224").toJson();

    assertThat(json)
        .isEqualTo(
            """
            {
              "do_resize" : true,
              "size" : {
                "shortest_edge" : 256
              },
              "long_edge_rounding" : "round",
              "resample" : 3,
              "do_center_crop" : true,
              "crop_size" : {
                "height" : 224,
                "width" : 224
              },
              "do_rescale" : true,
              "rescale_factor" : 0.00392156862745098,
              "do_normalize" : true,
              "image_mean" : [ 0.485, 0.456, 0.406 ],
              "image_std" : [ 0.229, 0.224, 0.225 ],
              "do_convert_rgb" : true
            }
            """);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '"',
      value = {
        "'size': {'height': 256, 'width': 256}, 'resample': 3 | key size | 256x256",
        "'do_resize': false, 'size': {'height': 28, 'width': 28} | key size | 28x28",
        "'size': 256, 'resample': 3, 'crop_size': 192 | key crop_size | 192x192",
        "'size': 192, 'resample': 3, 'crop_size': 224 | key crop_size | raise size",
        "'size': {'shortest_edge': 224}, 'resample': 3 | key size | do_center_crop",
        "'size': {'shortest_edge': 224, 'longest_edge': 300} | key size | shortest_edge alone",
        "'size': 224 | key resample | is missing",
        "'size': 224, 'resample': 6 | key resample | 6 is no filter",
        "'size': 224, 'resample': 'bicubic' | key resample | whole number",
        "'size': 0, 'resample': 3 | key size | 1 or more",
        "'resample': 3 | key size | is missing",
        "'size': 224, 'resample': 3, 'do_center_crop': true | key crop_size | is missing",
        "'size': 224, 'resample': 3, 'do_pad': true | key do_pad | not supported",
        "'size': 224, 'resample': 3, 'do_resize': 'yes' | key do_resize | true or false",
        "'size': 224, 'resample': 3, 'rescale_factor': -1 | key rescale_factor | above 0",
        "'size': 224, 'image_processor_type': 'LevitImageProcessor' | key size | Levit",
        "'size': {'shortest_edge': 192}, 'crop_pct': 0.9, 'resample': 3 | key size | 192x192",
      })
  void namesKeyAndMendOfABadHuggingFaceFile(String keys, String key, String reason) {
    assertInvalid("{" + keys + ", " + NORMALIZATION + "}", key, reason);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '"',
      value = {
        "{'size': 224, 'resample': 3} | key image_mean | do_normalize",
        "{'size': 224, 'resample': 3, 'image_mean': [1, 2], 'image_std': 1} | key image_mean | each of",
        "{'size': 224, 'resample': 3, 'image_mean': 0, 'image_std': [1, 1, 0]} | key image_std | above 0",
        "{'input_size': [3, 384, 384]} | key input_size | [3, 224, 224]",
        "{'pretrained_cfg': {'input_size': [3, 224, 224]}} | key pretrained_cfg.interpolation | missing",
        "{'input_size': [3, 224, 224], 'interpolation': 'random', 'crop_pct': 1, 'mean': 0, 'std': 1} | key interpolation | random",
        "{'input_size': [3, 224, 224], 'interpolation': 'box', 'crop_pct': 2, 'mean': 0, 'std': 1} | key crop_pct | at most 1",
        "{'input_size': [3, 224, 224], 'interpolation': 'box', 'crop_pct': 1, 'mean': 0, 'std': 1, 'crop_mode': 'border'} | key crop_mode | border",
        "{'model_type': 'vit', 'image_size': 224} | neither | preprocessor_config.json",
        "{'size': 224, 'size': 256} | JSON | Duplicate",
        "{'size': | JSON | Unexpected",
        "[224] | object | size",
      })
  void namesWhatIsWrongWithAnyFile(String json, String key, String reason) {
    assertInvalid(json, key, reason);
  }

  private static Preprocessing huggingFace(String keys) {
    return read("{" + keys + ", " + NORMALIZATION + "}");
  }

  private static Preprocessing read(String json) {
    return Preprocessing.fromJson(json.replace('\'', '"'), "model/config", 224, 224);
  }

  private static void assertInvalid(String json, String key, String reason) {
    assertThatThrownBy(() -> read(json))
        .isInstanceOfSatisfying(
            NoisyQuantException.class,
            e -> assertThat(e.code()).isEqualTo(ErrorCode.PREPROCESSING_INVALID))
        .hasMessageContainingAll("model/config", key, reason);
  }
}
