package org.noisyquant.result;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.util.DefaultIndenter;
import com.fasterxml.jackson.core.util.DefaultPrettyPrinter;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import org.noisyquant.error.ErrorCode;
import org.noisyquant.error.NoisyQuantException;

/** JSON whose text is a function of the values: two-space indent, sorted maps, Unix line ends. */
final class ResultJson {
  static final JsonMapper MAPPER =
      JsonMapper.builder()
          .enable(SerializationFeature.ORDER_MAP_ENTRIES_BY_KEYS)
          .disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
          .build();

  private ResultJson() {}

  static String write(Object value) {
    DefaultPrettyPrinter printer =
        new DefaultPrettyPrinter().withObjectIndenter(new DefaultIndenter("  ", "\n"));
    try {
      return MAPPER.writer(printer).writeValueAsString(value) + "\n";
    } catch (JsonProcessingException e) {
      throw new NoisyQuantException(
          ErrorCode.INTERNAL, "a result does not serialize: " + e.getMessage(), e);
    }
  }

  /** JSON text as a value that is written as that JSON. */
  static Object embedded(String json) {
    try {
      return MAPPER.readValue(json, Object.class);
    } catch (JsonProcessingException e) {
      throw new NoisyQuantException(ErrorCode.INTERNAL, "not JSON: " + e.getOriginalMessage(), e);
    }
  }
}
