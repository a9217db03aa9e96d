package org.noisyquant.spark.io;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.util.DefaultIndenter;
import com.fasterxml.jackson.core.util.DefaultPrettyPrinter;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.charset.StandardCharsets;
import java.util.Collections;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.regex.Pattern;

/**
 * Named values of one run, for {@code metrics.json}; filled while the run goes on. Names are words
 * joined by dots, such as {@code noisyquant.top1}; shares are fractions, times are seconds. A value
 * put under a name again replaces the earlier one. Not for use by several threads.
 */
public final class Metrics {
  private static final Pattern NAME = Pattern.compile("[A-Za-z0-9]+(\\.[A-Za-z0-9]+)*");

  private final SortedMap<String, Optional<Object>> values = new TreeMap<>();

  /** Puts a number; NaN and infinities, which JSON does not have, become null. */
  public void put(String name, double value) {
    keep(name, Double.isFinite(value) ? Optional.of(value) : Optional.empty());
  }

  /** Puts a whole number. */
  public void put(String name, long value) {
    keep(name, Optional.of(value));
  }

  /** Puts a truth value. */
  public void put(String name, boolean value) {
    keep(name, Optional.of(value));
  }

  /** Puts a text. */
  public void put(String name, String value) {
    keep(name, Optional.of(value));
  }

  /** Puts a name without a value, so that every run has the same names. */
  public void putNull(String name) {
    keep(name, Optional.empty());
  }

  /** Puts the seconds since a {@link System#nanoTime} as {@code seconds.NAME}. */
  public void putSeconds(String name, long startNanos) {
    put("seconds." + name, (System.nanoTime() - startNanos) / 1e9);
  }

  /** Everything put so far; empty for null. */
  public SortedMap<String, Optional<Object>> values() {
    return Collections.unmodifiableSortedMap(values);
  }

  /** One flat JSON object, sorted by name, one name a line, in UTF-8. */
  public byte[] toJson() {
    SortedMap<String, Object> flat = new TreeMap<>();
    for (Map.Entry<String, Optional<Object>> entry : values.entrySet()) {
      flat.put(entry.getKey(), entry.getValue().orElse(null));
    }
    DefaultPrettyPrinter lines =
        new DefaultPrettyPrinter().withObjectIndenter(new DefaultIndenter("  ", "\n"));
    try {
      String json = new ObjectMapper().writer(lines).writeValueAsString(flat);
      return (json + "\n").getBytes(StandardCharsets.UTF_8);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("numbers, texts and truth values are always JSON", e);
    }
  }

  private void keep(String name, Optional<Object> value) {
    if (!NAME.matcher(name).matches()) {
      throw new IllegalArgumentException("metric name " + name + " is not words joined by dots");
    }
    values.put(name, value);
  }
}
