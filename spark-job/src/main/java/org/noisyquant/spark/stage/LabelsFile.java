package org.noisyquant.spark.stage;

import java.io.BufferedReader;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.noisyquant.error.ErrorCode;
import org.noisyquant.error.NoisyQuantException;

/** Parses {@code labels.csv}; errors name file and line. */
final class LabelsFile {
  private static final String BYTE_ORDER_MARK = "\uFEFF";

  private LabelsFile() {}

  static Map<String, Integer> parse(BufferedReader lines, String file) throws IOException {
    Map<String, Integer> labels = new HashMap<>();
    int number = 0;
    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
      number++;
      if (number == 1) {
        checkHeader(fields(line.replace(BYTE_ORDER_MARK, "")), line, file);
      } else if (!line.isBlank()) {
        addLine(labels, line, file, number);
      }
    }
    if (labels.isEmpty()) {
      throw invalid(file, Math.max(number, 1), "has no labels; a line reads name.png,3");
    }
    return labels;
  }

  private static void checkHeader(List<String> header, String line, String file) {
    if (header.size() < 2 || !header.get(0).equals("file") || !header.get(1).equals("label")) {
      throw invalid(file, 1, "is '" + line + "'; the header must begin with file,label");
    }
  }

  private static void addLine(Map<String, Integer> labels, String line, String file, int number) {
    List<String> fields = fields(line);
    if (fields.size() < 2 || fields.get(0).isEmpty()) {
      throw invalid(file, number, "is '" + line + "' where file,label is expected");
    }
    int label = label(fields.get(1));
    if (label < 0) {
      throw invalid(
          file, number, "has the label '" + fields.get(1) + "'; a class index from 0 is expected");
    }
    Integer before = labels.put(fields.get(0), label);
    if (before != null && before != label) {
      throw invalid(
          file,
          number,
          "gives " + fields.get(0) + " the label " + label + ", an earlier line gives " + before);
    }
  }

  /** A class index, or −1 for anything else. */
  private static int label(String text) {
    return text.matches("\\d{1,9}") ? Integer.parseInt(text) : -1;
  }

  /** Fields of a line; a field in double quotes may hold commas, and quotes twice. */
  private static List<String> fields(String line) {
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

  private static NoisyQuantException invalid(String file, int line, String problem) {
    return new NoisyQuantException(
        ErrorCode.LABELS_INVALID, "labels " + file + ", line " + line + ": " + problem);
  }
}
