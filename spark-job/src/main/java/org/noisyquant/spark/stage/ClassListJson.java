package org.noisyquant.spark.stage;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.ArrayList;
import java.util.List;
import org.noisyquant.error.ErrorCode;
import org.noisyquant.error.NoisyQuantException;
import org.noisyquant.spark.stage.ClassList.ClassName;

/**
 * Parses a list of classes in JSON: an array of names, or the {@code config.json} of a model, that
 * of Hugging Face with {@code id2label}, or that of timm with {@code label_names}, at its root or
 * in {@code pretrained_cfg}. The latter are ImageNet's synsets as a rule, and {@code
 * label_descriptions} then gives the name of each.
 */
final class ClassListJson {
  private static final String ID2LABEL = "id2label";
  private static final String LABEL_NAMES = "label_names";
  private static final String LABEL_DESCRIPTIONS = "label_descriptions";
  private static final String PRETRAINED = "pretrained_cfg";

  private final String file;

  /**
   * A parser.
   *
   * @param file for messages
   */
  ClassListJson(String file) {
    this.file = file;
  }

  /** The classes of a text, in order. */
  List<ClassName> parse(String content) {
    JsonNode root;
    try {
      root = new ObjectMapper().readTree(content);
    } catch (JsonProcessingException e) {
      throw invalid(" is no JSON: " + e.getOriginalMessage());
    }
    JsonNode names =
        root.isArray() ? root : firstOf(root.path(ID2LABEL), ofTimm(root, LABEL_NAMES));
    if (names.isEmpty()) {
      throw invalid(
          " is JSON, but neither a list of names nor an object with "
              + ID2LABEL
              + " or "
              + LABEL_NAMES);
    }
    JsonNode descriptions = ofTimm(root, LABEL_DESCRIPTIONS);
    List<ClassName> classes = new ArrayList<>();
    for (int i = 0; i < names.size(); i++) {
      String name = name(names, i);
      String description = descriptions.path(name).asText().strip();
      classes.add(
          description.isEmpty() ? new ClassName(name, "") : new ClassName(description, name));
    }
    return classes;
  }

  private String name(JsonNode names, int index) {
    JsonNode name = names.isArray() ? names.get(index) : names.path(Integer.toString(index));
    if (!name.isTextual()) {
      throw invalid(
          " has "
              + names.size()
              + " classes, but no name for class "
              + index
              + "; they are numbered from 0");
    }
    return name.textValue().strip();
  }

  private static JsonNode ofTimm(JsonNode root, String key) {
    return firstOf(root.path(key), root.path(PRETRAINED).path(key));
  }

  private static JsonNode firstOf(JsonNode a, JsonNode b) {
    return a.isEmpty() ? b : a;
  }

  private NoisyQuantException invalid(String problem) {
    return new NoisyQuantException(ErrorCode.LABELS_INVALID, "class list " + file + problem);
  }
}
