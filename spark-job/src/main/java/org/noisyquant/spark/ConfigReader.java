package org.noisyquant.spark;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigObject;
import com.typesafe.config.ConfigRenderOptions;
import com.typesafe.config.ConfigUtil;
import com.typesafe.config.ConfigValue;
import com.typesafe.config.ConfigValueType;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.noisyquant.error.ErrorCode;
import org.noisyquant.error.NoisyQuantException;

/**
 * Reads typed values and checks their range. Remembers each under its key in one canonical form, so
 * that 0.5 from a file and "0.50" from a flag are the same afterwards. Every method throws {@link
 * ErrorCode#INVALID_VALUE}.
 */
final class ConfigReader {
  private final Config config;
  private final SortedMap<String, Object> values = new TreeMap<>();

  /** Reads a resolved configuration, the root {@code noisyquant} taken off. */
  ConfigReader(Config config) {
    this.config = config;
  }

  /** All values read so far: String, Integer, Long, Double, Boolean or a list of String. */
  SortedMap<String, Object> values() {
    return Collections.unmodifiableSortedMap(new TreeMap<>(values));
  }

  String text(JobKey key) {
    ConfigValue value = value(key);
    if (value.valueType() != ConfigValueType.STRING) {
      throw invalid(key, value, "a text");
    }
    return keep(key, ((String) value.unwrapped()).strip());
  }

  List<String> texts(JobKey key) {
    ConfigValue value = value(key);
    if (!(value.unwrapped() instanceof List<?> list)) {
      throw invalid(key, value, "a list of texts, such as [\"a\", \"b\"]");
    }
    List<String> texts = new ArrayList<>();
    for (Object item : list) {
      if (!(item instanceof String text) || text.isBlank()) {
        throw invalid(key, value, "a list of texts, none of them empty");
      }
      texts.add(text.strip());
    }
    return keep(key, List.copyOf(texts));
  }

  boolean bool(JobKey key) {
    return keep(key, choose(key, Map.of("true", true, "false", false)));
  }

  int integer(JobKey key, int least, int most) {
    return keep(key, (int) whole(key, least, most, "a whole number from " + least + " to " + most));
  }

  long number(JobKey key) {
    return keep(key, whole(key, Long.MIN_VALUE, Long.MAX_VALUE, "a 64-bit whole number"));
  }

  /** A number from 0 to 1, with or without the two ends. */
  double fraction(JobKey key, boolean withZero, boolean withOne) {
    ConfigValue value = value(key);
    String allowed =
        "a number " + (withZero ? "from 0" : "above 0") + (withOne ? " to 1" : " to below 1");
    double number = decimal(key, value, allowed).doubleValue();
    if (number < 0 || number > 1 || (number == 0 && !withZero) || (number == 1 && !withOne)) {
      throw invalid(key, value, allowed);
    }
    return keep(key, number);
  }

  /** A number above 0, or the word auto: empty. */
  OptionalDouble positiveOrAuto(JobKey key) {
    ConfigValue value = value(key);
    if (value.unwrapped() instanceof String text && text.strip().equals("auto")) {
      keep(key, "auto");
      return OptionalDouble.empty();
    }
    String allowed = "auto, or a number above 0";
    double number = decimal(key, value, allowed).doubleValue();
    if (!(number > 0) || Double.isInfinite(number)) {
      throw invalid(key, value, allowed);
    }
    return OptionalDouble.of(keep(key, number));
  }

  /** A number from 0 on, or an empty text for none. */
  OptionalDouble optional(JobKey key, double most) {
    ConfigValue value = value(key);
    if (value.unwrapped() instanceof String text && text.isBlank()) {
      keep(key, "");
      return OptionalDouble.empty();
    }
    String allowed =
        "empty, or a number from 0 " + (most == Double.MAX_VALUE ? "on" : "to " + (int) most);
    double number = decimal(key, value, allowed).doubleValue();
    if (!(number >= 0 && number <= most)) {
      throw invalid(key, value, allowed);
    }
    return OptionalDouble.of(keep(key, number));
  }

  /** One of a few words, each with its meaning. */
  <E> E choice(JobKey key, Map<String, E> words) {
    E chosen = choose(key, words);
    keep(key, value(key).unwrapped().toString());
    return chosen;
  }

  /** Replaces what was read by what it comes to. */
  <T> T keep(JobKey key, T value) {
    values.put(key.path(), value);
    return value;
  }

  private <E> E choose(JobKey key, Map<String, E> words) {
    ConfigValue value = value(key);
    E chosen = words.get(String.valueOf(value.unwrapped()));
    if (chosen == null) {
      String allowed = words.keySet().stream().sorted().collect(Collectors.joining(" or "));
      throw invalid(key, value, allowed);
    }
    return chosen;
  }

  private long whole(JobKey key, long least, long most, String allowed) {
    ConfigValue value = value(key);
    try {
      long number = decimal(key, value, allowed).longValueExact();
      if (number >= least && number <= most) {
        return number;
      }
    } catch (ArithmeticException e) {
      // A fraction, or beyond 64 bits: not a whole number of that range either.
    }
    throw invalid(key, value, allowed);
  }

  private static BigDecimal decimal(JobKey key, ConfigValue value, String allowed) {
    ConfigValueType type = value.valueType();
    if (type == ConfigValueType.NUMBER || type == ConfigValueType.STRING) {
      try {
        return new BigDecimal(value.unwrapped().toString().strip());
      } catch (NumberFormatException e) {
        // Falls through: not a number.
      }
    }
    throw invalid(key, value, allowed);
  }

  private ConfigValue value(JobKey key) {
    ConfigValue value = config.root();
    for (String name : ConfigUtil.splitPath(key.path())) {
      value = ((ConfigObject) value).get(name);
    }
    return value;
  }

  private static NoisyQuantException invalid(JobKey key, ConfigValue value, String allowed) {
    return new NoisyQuantException(
        ErrorCode.INVALID_VALUE,
        key
            + " is "
            + value.render(ConfigRenderOptions.concise())
            + " ("
            + value.origin().description()
            + "); allowed: "
            + allowed);
  }
}
