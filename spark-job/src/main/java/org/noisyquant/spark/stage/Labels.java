package org.noisyquant.spark.stage;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.Serializable;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.noisyquant.error.ErrorCode;
import org.noisyquant.error.NoisyQuantException;

/** The class of each image, an index into the logits, by the image's {@link ImageFile#name}. */
public final class Labels implements Serializable {
  private static final long serialVersionUID = 1L;

  /** The file that is looked for beside the images. */
  public static final String FILE_NAME = "labels.csv";

  private final String source;
  private final Map<String, Integer> labels;

  Labels(String source, Map<String, Integer> labels) {
    this.source = source;
    this.labels = Map.copyOf(labels);
  }

  /** The labels of {@code labels.csv} in the images' folder, if that file is there. */
  public static Optional<Labels> beside(
      ImageSource images, Configuration configuration, Optional<ClassList> classes) {
    Path file = new Path(images.folder(), FILE_NAME);
    try {
      return file.getFileSystem(configuration).exists(file)
          ? Optional.of(read(file.toString(), configuration, classes))
          : Optional.empty();
    } catch (IOException e) {
      throw unreadable(file.toString(), e);
    }
  }

  /**
   * Reads a labels file, or {@code labels.csv} in a folder: CSV in UTF-8, header {@code
   * file,label}, further columns are ignored; label is a class index from 0, or a name or synset of
   * the given classes.
   *
   * @throws NoisyQuantException LABELS_INVALID if it is not there or damaged, with the line
   */
  public static Labels read(String path, Configuration configuration, Optional<ClassList> classes) {
    try {
      Path file = new Path(path);
      FileSystem files = file.getFileSystem(configuration);
      if (files.getFileStatus(file).isDirectory()) {
        file = new Path(file, FILE_NAME);
      }
      try (BufferedReader lines =
          new BufferedReader(new InputStreamReader(files.open(file), StandardCharsets.UTF_8))) {
        return new Labels(file.toString(), LabelsFile.parse(lines, file.toString(), classes));
      }
    } catch (IOException | UncheckedIOException | IllegalArgumentException e) {
      throw unreadable(path, e);
    }
  }

  /**
   * Labels by folder: images are named {@code class/...}. See {@link ClassFolders}.
   *
   * @param images all of the data set, not a sample: a class that is missing would shift others
   * @param list names of the classes, where known
   * @param classes number of logits; empty where there is no model
   * @throws NoisyQuantException LABELS_INVALID if an image is in no folder, or a folder is no class
   */
  public static Labels fromFolders(
      ImageSource images, Optional<ClassList> list, OptionalInt classes) {
    return new Labels(
        "the class folders of " + images.folder(),
        ClassFolders.labels(images.names(), images.folder(), list, classes));
  }

  /** The class index of an image, if there is one. */
  public OptionalInt label(String name) {
    Integer label = labels.get(name);
    return label == null ? OptionalInt.empty() : OptionalInt.of(label);
  }

  /** Where they are from, for messages. */
  public String source() {
    return source;
  }

  /** How many images have a label. */
  public int size() {
    return labels.size();
  }

  /** Those of these images that have no label, in their order. */
  public List<String> missing(Collection<String> names) {
    return names.stream().filter(name -> !labels.containsKey(name)).toList();
  }

  /**
   * Checks that these labels belong to these images and this model.
   *
   * @param names of all images that need a label
   * @param classes number of logits
   * @throws NoisyQuantException LABELS_INVALID naming an image without a label, or one whose label
   *     the model does not have
   */
  public void check(Collection<String> names, int classes) {
    List<String> missing = missing(names);
    if (!missing.isEmpty()) {
      throw new NoisyQuantException(
          ErrorCode.LABELS_INVALID,
          source
              + " has no label for "
              + missing.get(0)
              + (missing.size() > 1 ? " and " + (missing.size() - 1) + " more images" : "")
              + ". Its column file must hold paths relative to the images' folder");
    }
    for (String name : names) {
      if (labels.get(name) >= classes) {
        throw new NoisyQuantException(
            ErrorCode.LABELS_INVALID,
            source
                + " gives "
                + name
                + " the label "
                + labels.get(name)
                + ", but the model has only the classes 0 to "
                + (classes - 1)
                + ". Give the labels that belong to this model");
      }
    }
  }

  private static NoisyQuantException unreadable(String path, Exception cause) {
    return new NoisyQuantException(
        ErrorCode.LABELS_INVALID,
        "cannot read the labels "
            + path
            + " ("
            + cause.getMessage()
            + "). Check evaluation.labels (--labels)",
        cause);
  }
}
