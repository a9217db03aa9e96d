package org.noisyquant.spark.stage;

import java.io.BufferedReader;
import java.io.IOException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.noisyquant.error.ErrorCode;
import org.noisyquant.error.NoisyQuantException;

/**
 * Parses {@code labels.csv}; errors name file and line. A whole number is the index of a class,
 * anything else its name.
 */
final class LabelsFile {
  private static final String BYTE_ORDER_MARK = "\uFEFF";

  private final String file;
  private final Optional<ClassList> classes;
  private final Map<String, Integer> labels = new HashMap<>();

  private LabelsFile(String file, Optional<ClassList> classes) {
    this.file = file;
    this.classes = classes;
  }

  /** Class indices by image. */
  static Map<String, Integer> parse(BufferedReader lines, String file, Optional<ClassList> classes)
      throws IOException {
    return new LabelsFile(file, classes).parse(lines);
  }

  private Map<String, Integer> parse(BufferedReader lines) throws IOException {
    int number = 0;
    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
      number++;
      if (number == 1) {
        checkHeader(CsvLine.fields(line.replace(BYTE_ORDER_MARK, "")), line);
      } else if (!line.isBlank()) {
        addLine(line, number);
      }
    }
    if (labels.isEmpty()) {
      throw invalid(Math.max(number, 1), "has no labels; a line reads name.png,3");
    }
    return labels;
  }

  private void checkHeader(List<String> header, String line) {
    if (header.size() < 2 || !header.get(0).equals("file") || !header.get(1).equals("label")) {
      throw invalid(1, "is '" + line + "'; the header must begin with file,label");
    }
  }

  private void addLine(String line, int number) {
    List<String> fields = CsvLine.fields(line);
    if (fields.size() < 2 || fields.get(0).isEmpty()) {
      throw invalid(number, "is '" + line + "' where file,label is expected");
    }
    int label = LabelText.index(fields.get(1), classes, where(number));
    Integer before = labels.put(fields.get(0), label);
    if (before != null && before != label) {
      throw invalid(
          number,
          "gives " + fields.get(0) + " the label " + label + ", an earlier line gives " + before);
    }
  }

  private String where(int line) {
    return "labels " + file + ", line " + line;
  }

  private NoisyQuantException invalid(int line, String problem) {
    return new NoisyQuantException(ErrorCode.LABELS_INVALID, where(line) + ": " + problem);
  }
}
