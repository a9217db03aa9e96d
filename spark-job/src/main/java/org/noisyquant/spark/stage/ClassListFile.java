package org.noisyquant.spark.stage;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.noisyquant.error.ErrorCode;
import org.noisyquant.error.NoisyQuantException;
import org.noisyquant.spark.stage.ClassList.ClassName;

/** Parses a list of classes; errors name the file, and its line where it has lines. */
final class ClassListFile {
  private static final Pattern SYNSET_AND_NAME = Pattern.compile("(n\\d{8})\\s+(\\S.*)");
  private static final String CSV_INDEX = "index";

  private final String file;

  private ClassListFile(String file) {
    this.file = file;
  }

  /** The classes of a text, in order. */
  static List<ClassName> parse(String text, String file) {
    ClassListFile parser = new ClassListFile(file);
    String content = text.replace("\uFEFF", "").stripTrailing();
    if (content.matches("(?s)\\s*[{\\[].*")) {
      return new ClassListJson(file).parse(content);
    }
    List<String> lines = content.lines().map(String::strip).toList();
    if (content.isEmpty()) {
      throw parser.invalid(" is empty; it needs one class per line");
    }
    List<String> header = CsvLine.fields(lines.get(0));
    return header.size() > 1 && header.get(0).equals(CSV_INDEX)
        ? parser.csv(header, lines)
        : parser.lines(lines);
  }

  private List<ClassName> lines(List<String> lines) {
    List<ClassName> classes = new ArrayList<>();
    for (String line : lines) {
      if (line.isEmpty()) {
        throw invalid(
            ", line " + (classes.size() + 1) + ": is empty; the classes after it would shift");
      }
      Matcher both = SYNSET_AND_NAME.matcher(line);
      classes.add(
          both.matches() ? new ClassName(both.group(2), both.group(1)) : new ClassName(line, ""));
    }
    return classes;
  }

  private List<ClassName> csv(List<String> header, List<String> lines) {
    int synset = header.indexOf("synset");
    int name = header.indexOf("name");
    if (synset < 0 && name < 0) {
      throw invalid(", line 1: has neither a column synset nor a column name");
    }
    ClassName[] classes = new ClassName[lines.size() - 1];
    for (int i = 1; i < lines.size(); i++) {
      List<String> fields = CsvLine.fields(lines.get(i));
      int index = index(fields.get(0));
      if (fields.size() < header.size()
          || index < 0
          || index >= classes.length
          || classes[index] != null) {
        throw invalid(
            ", line "
                + (i + 1)
                + ": is '"
                + lines.get(i)
                + "'; each of its "
                + classes.length
                + " lines needs an index of its own, from 0 to "
                + (classes.length - 1)
                + ", and as many fields as the header");
      }
      String id = synset < 0 ? "" : fields.get(synset);
      classes[index] = new ClassName(name < 0 ? id : fields.get(name), id);
    }
    return List.of(classes);
  }

  private static int index(String text) {
    return LabelText.isIndex(text) ? Integer.parseInt(text) : -1;
  }

  private NoisyQuantException invalid(String problem) {
    return new NoisyQuantException(ErrorCode.LABELS_INVALID, "class list " + file + problem);
  }
}
