package org.noisyquant.spark.stage;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.noisyquant.error.ErrorCode;
import org.noisyquant.error.NearestName;
import org.noisyquant.error.NoisyQuantException;

/**
 * The classes of a model by name, in the order of its logits. A name is looked for in three ways,
 * the first that finds a class decides:
 *
 * <ol>
 *   <li>as it is, among the names and the synsets;
 *   <li>whatever its case, and with underscores for spaces;
 *   <li>so, among the parts of names between commas, such as {@code tench, Tinca tinca}.
 * </ol>
 */
public final class ClassList {
  private static final Pattern PARTS = Pattern.compile(",");

  private final String source;
  private final int size;
  private final List<Map<String, List<Integer>>> ways =
      List.of(new HashMap<>(), new HashMap<>(), new HashMap<>());

  /**
   * A class.
   *
   * @param name never empty
   * @param synset its WordNet identifier, or another that data sets use, or empty
   */
  record ClassName(String name, String synset) {}

  ClassList(String source, List<ClassName> classes) {
    this.source = source;
    this.size = classes.size();
    for (int i = 0; i < size; i++) {
      int index = i;
      String name = classes.get(i).name();
      String synset = classes.get(i).synset();
      add(0, name, index);
      add(0, synset, index);
      add(1, folded(name), index);
      add(1, folded(synset), index);
      PARTS.splitAsStream(name).forEach(part -> add(2, folded(part), index));
    }
  }

  /**
   * Reads a list of classes, in UTF-8: one per line in the order of the logits, {@code name} or
   * {@code synset name}; CSV with the header {@code index,synset,name} or without one of the last
   * two; a JSON array of names; or a model's config.json, of Hugging Face with {@code id2label} or
   * of timm with {@code label_names}.
   *
   * @throws NoisyQuantException LABELS_INVALID if it is not there or damaged, with the line
   */
  public static ClassList read(String path, Configuration configuration) {
    try {
      Path file = new Path(path);
      FileSystem files = file.getFileSystem(configuration);
      try (InputStream content = files.open(file)) {
        String text = new String(content.readAllBytes(), StandardCharsets.UTF_8);
        return new ClassList(file.toString(), ClassListFile.parse(text, file.toString()));
      }
    } catch (IOException | IllegalArgumentException e) {
      throw new NoisyQuantException(
          ErrorCode.LABELS_INVALID,
          "cannot read the class list "
              + path
              + " ("
              + e.getMessage()
              + "). Check evaluation.classes (--classes)",
          e);
    }
  }

  /**
   * Checks that this list belongs to a model.
   *
   * @param classes number of its logits
   * @throws NoisyQuantException LABELS_INVALID
   */
  public void check(int classes) {
    if (size != classes) {
      throw new NoisyQuantException(
          ErrorCode.LABELS_INVALID,
          "class list "
              + source
              + " has "
              + size
              + " classes, but the model has "
              + classes
              + ". Give the list that belongs to this model (--classes)");
    }
  }

  /**
   * The index of a class, if there is one of such a name.
   *
   * @param where the name comes from, for messages
   * @throws NoisyQuantException LABELS_INVALID if it is the name of several classes
   */
  OptionalInt find(String name, String where) {
    List<String> forms = List.of(name, folded(name), folded(name));
    for (int way = 0; way < forms.size(); way++) {
      List<Integer> found = ways.get(way).getOrDefault(forms.get(way), List.of());
      if (found.size() == 1) {
        return OptionalInt.of(found.get(0));
      }
      if (found.size() > 1) {
        throw new NoisyQuantException(
            ErrorCode.LABELS_INVALID,
            where
                + ": '"
                + name
                + "' is the name of the classes "
                + found.stream().map(String::valueOf).collect(Collectors.joining(" and "))
                + " of "
                + source
                + ". Give the index or the synset instead");
      }
    }
    return OptionalInt.empty();
  }

  /** The error that a name is none of these classes. */
  NoisyQuantException unknown(String name, String where) {
    Set<String> known = new TreeSet<>(ways.get(0).keySet());
    known.addAll(ways.get(2).keySet());
    String nearest =
        NearestName.to(name, known).map(near -> "; the nearest is '" + near + "'").orElse("");
    return new NoisyQuantException(
        ErrorCode.LABELS_INVALID,
        where + ": '" + name + "' is no class of " + source + nearest + ". Correct one of the two");
  }

  private void add(int way, String key, int index) {
    if (key.isEmpty()) {
      return;
    }
    List<Integer> indices = ways.get(way).computeIfAbsent(key, k -> new ArrayList<>(1));
    if (!indices.contains(index)) {
      indices.add(index);
    }
  }

  private static String folded(String name) {
    return name.replace('_', ' ').strip().replaceAll("\\s+", " ").toLowerCase(Locale.ROOT);
  }
}
