package org.noisyquant.image;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.core.util.DefaultIndenter;
import com.fasterxml.jackson.core.util.DefaultPrettyPrinter;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.noisyquant.error.ErrorCode;
import org.noisyquant.error.NoisyQuantException;

/** A JSON object whose keys are read by type; a wrong one is an error that names file and key. */
final class JsonKeys {
  private static final ObjectMapper JSON =
      JsonMapper.builder()
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          .build();

  private static final DefaultPrettyPrinter UNIX_LINES =
      new DefaultPrettyPrinter().withObjectIndenter(new DefaultIndenter("  ", "\n"));

  private final JsonNode object;
  private final String where;
  private final String prefix;

  private JsonKeys(JsonNode object, String where, String prefix) {
    this.object = object;
    this.where = where;
    this.prefix = prefix;
  }

  static JsonKeys parse(String json, String where) {
    JsonNode object;
    try {
      object = JSON.readTree(json);
    } catch (JsonProcessingException e) {
      throw new NoisyQuantException(
          ErrorCode.PREPROCESSING_INVALID,
          "preprocessing " + where + " is no valid JSON: " + e.getMessage(),
          e);
    }
    if (!object.isObject()) {
      throw new NoisyQuantException(
          ErrorCode.PREPROCESSING_INVALID,
          "preprocessing " + where + " must hold a JSON object with keys such as size, image_mean");
    }
    return new JsonKeys(object, where, "");
  }

  NoisyQuantException invalid(String problem) {
    return new NoisyQuantException(
        ErrorCode.PREPROCESSING_INVALID, "preprocessing " + where + " " + problem);
  }

  NoisyQuantException invalid(String key, String problem) {
    return invalid("key " + prefix + key + ": " + problem);
  }

  private NoisyQuantException wrongType(String key, String expected) {
    return invalid(key, object.get(key) + " where " + expected + " is expected");
  }

  /** Whether the key is there; null counts as absent, as in Python's configurations. */
  boolean has(String key) {
    return object.hasNonNull(key);
  }

  List<String> names() {
    List<String> names = new ArrayList<>();
    object.fieldNames().forEachRemaining(names::add);
    return names;
  }

  boolean isObject(String key) {
    return has(key) && object.get(key).isObject();
  }

  JsonKeys object(String key) {
    if (!isObject(key)) {
      throw wrongType(key, "an object");
    }
    return new JsonKeys(object.get(key), where, prefix + key + ".");
  }

  void require(String key, String advice) {
    if (!has(key)) {
      throw invalid(key, "is missing; " + advice);
    }
  }

  boolean flag(String key, boolean absent) {
    if (!has(key)) {
      return absent;
    }
    if (!object.get(key).isBoolean()) {
      throw wrongType(key, "true or false");
    }
    return object.get(key).booleanValue();
  }

  Optional<String> text(String key) {
    if (!has(key)) {
      return Optional.empty();
    }
    if (!object.get(key).isTextual()) {
      throw wrongType(key, "a string");
    }
    return Optional.of(object.get(key).textValue());
  }

  /** An integer from 0; also 3.0, as some exporters write it. */
  int integer(String key) {
    JsonNode value = object.path(key);
    if (!value.isNumber() || value.doubleValue() < 0 || value.doubleValue() != value.intValue()) {
      throw wrongType(key, "a whole number, 0 or more,");
    }
    return value.intValue();
  }

  int pixels(String key) {
    int value = integer(key);
    if (value < 1) {
      throw wrongType(key, "a number of pixels, 1 or more,");
    }
    return value;
  }

  double positive(String key) {
    JsonNode value = object.path(key);
    if (!value.isNumber() || !(value.doubleValue() > 0) || Double.isInfinite(value.doubleValue())) {
      throw wrongType(key, "a number above 0");
    }
    return value.doubleValue();
  }

  /** Three numbers, or one for all three channels. */
  List<Double> perChannel(String key) {
    JsonNode value = object.path(key);
    if (value.isNumber()) {
      return List.of(value.doubleValue(), value.doubleValue(), value.doubleValue());
    }
    List<Double> numbers = numbers(key);
    if (numbers.size() != 3) {
      throw wrongType(key, "a number for each of red, green and blue");
    }
    return numbers;
  }

  List<Double> positivePerChannel(String key) {
    List<Double> numbers = perChannel(key);
    if (!numbers.stream().allMatch(number -> number > 0)) {
      throw wrongType(key, "numbers above 0");
    }
    return numbers;
  }

  List<Double> numbers(String key) {
    JsonNode value = object.path(key);
    List<Double> numbers = new ArrayList<>();
    value.forEach(number -> numbers.add(number.isNumber() ? number.doubleValue() : Double.NaN));
    if (!value.isArray() || !numbers.stream().allMatch(Double::isFinite)) {
      throw wrongType(key, "a list of numbers");
    }
    return numbers;
  }

  static String write(JsonNode node) {
    try {
      // Not the platform's line end: the file's bytes must not depend on where it was written.
      return JSON.writer(UNIX_LINES).writeValueAsString(node) + "\n";
    } catch (JsonProcessingException e) {
      throw new IllegalStateException(e);
    }
  }
}
