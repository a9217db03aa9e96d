package org.noisyquant.spark.stage;

import java.util.ArrayList;
import java.util.List;

/** A line of a CSV file. */
final class CsvLine {
  private CsvLine() {}

  /**
   * The fields, stripped; one in double quotes may hold commas, and quotes twice, but no line end.
   */
  static List<String> fields(String line) {
    List<String> fields = new ArrayList<>();
    StringBuilder field = new StringBuilder();
    boolean quoted = false;
    for (int i = 0; i < line.length(); i++) {
      char c = line.charAt(i);
      boolean quoteTwice = quoted && c == '"' && i + 1 < line.length() && line.charAt(i + 1) == '"';
      if (quoteTwice) {
        field.append(c);
        i++;
      } else if (c == '"') {
        quoted = !quoted;
      } else if (c == ',' && !quoted) {
        fields.add(field.toString().strip());
        field.setLength(0);
      } else {
        field.append(c);
      }
    }
    fields.add(field.toString().strip());
    return fields;
  }
}
