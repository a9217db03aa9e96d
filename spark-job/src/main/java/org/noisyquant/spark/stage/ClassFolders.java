package org.noisyquant.spark.stage;

import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.function.ToIntFunction;
import org.noisyquant.error.ErrorCode;
import org.noisyquant.error.NoisyQuantException;

/**
 * Classes of images that lie in folders of their classes, one folder per class.
 *
 * <p>With a list of classes, a folder's name is looked up in it, and is an index where the list has
 * no such name. Without one, names that are all indices, whole numbers below the number of classes,
 * are what they say: the order of a list of such folders differs between programs. Any other names
 * stand for 0, 1, ... in the order of their characters, as torchvision's ImageFolder and Keras have
 * it, and there must be a folder for every class.
 */
final class ClassFolders {
  private ClassFolders() {}

  /**
   * The class of every image.
   *
   * @param names of the images
   * @param root the folder that holds the folders of the classes, for messages
   * @param list names of the classes, where known
   * @param classes number of logits; empty where there is no model
   * @throws NoisyQuantException LABELS_INVALID
   */
  static Map<String, Integer> labels(
      List<String> names, String root, Optional<ClassList> list, OptionalInt classes) {
    SortedSet<String> folders = new TreeSet<>();
    names.forEach(name -> folders.add(folder(name, root)));
    Map<String, Integer> indices =
        list.map(known -> indices(folders, folder -> lookUp(folder, known, root)))
            .orElseGet(() -> numbered(folders, root, classes));
    Map<String, Integer> labels = new HashMap<>();
    names.forEach(name -> labels.put(name, indices.get(folder(name, root))));
    return labels;
  }

  private static String folder(String name, String root) {
    int slash = name.indexOf('/');
    if (slash < 0) {
      throw new NoisyQuantException(
          ErrorCode.LABELS_INVALID,
          "labels from class folders: "
              + name
              + " lies in "
              + root
              + " itself. Move it into the folder of its class, or give evaluation.labels"
              + " (--labels)");
    }
    return name.substring(0, slash);
  }

  private static int lookUp(String folder, ClassList list, String root) {
    String where = "class folders of " + root;
    return list.find(folder, where)
        .orElseGet(
            () -> {
              if (LabelText.isIndex(folder)) {
                return Integer.parseInt(folder);
              }
              throw list.unknown(folder, where);
            });
  }

  private static Map<String, Integer> numbered(
      SortedSet<String> folders, String root, OptionalInt classes) {
    boolean numbers = folders.stream().allMatch(LabelText::isIndex);
    int bound = classes.orElse(Integer.MAX_VALUE);
    if (numbers && folders.stream().allMatch(folder -> Integer.parseInt(folder) < bound)) {
      return indices(folders, Integer::parseInt);
    }
    if (classes.isPresent() && (numbers || folders.size() != bound)) {
      throw new NoisyQuantException(
          ErrorCode.LABELS_INVALID,
          root
              + " has "
              + folders.size()
              + " class folders, from "
              + folders.first()
              + " to "
              + folders.last()
              + ", but the model has "
              + bound
              + " classes, 0 to "
              + (bound - 1)
              + ": which folder is which class cannot be told. Give the names of the classes in"
              + " their order with evaluation.classes (--classes)");
    }
    Map<String, Integer> indices = new HashMap<>();
    folders.forEach(folder -> indices.put(folder, indices.size()));
    return indices;
  }

  private static Map<String, Integer> indices(
      Collection<String> folders, ToIntFunction<String> index) {
    Map<String, Integer> indices = new HashMap<>();
    folders.forEach(folder -> indices.put(folder, index.applyAsInt(folder)));
    return indices;
  }
}
