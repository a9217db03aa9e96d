package org.noisyquant.testing;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;
import org.noisyquant.graph.ModelGraph;
import org.noisyquant.image.ImageDecoder;
import org.noisyquant.image.Preprocessing;
import org.noisyquant.image.Preprocessor;

/** Images as the models take them, through the product's decoder and preprocessing. */
public final class TestImages {
  private TestImages() {}

  /**
   * An image with what it shows.
   *
   * @param name file name
   * @param label its class, from 0
   * @param pixels normalised [3, height, width]
   */
  public record LabelledImage(String name, int label, float[] pixels) {}

  /** The preprocessing that a file says, for the input size of a model. */
  public static Preprocessor preprocessor(Path config, ModelGraph model) {
    try {
      return new Preprocessor(
          Preprocessing.fromJson(
              Files.readString(config), config.toString(), model.height(), model.width()));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** One image file. */
  public static float[] read(Path file, Preprocessor preprocessor) {
    try {
      return preprocessor.apply(ImageDecoder.decode(Files.readAllBytes(file), file.toString()));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** The first image files of a folder by path, at most {@code limit}. */
  public static List<float[]> first(Path folder, int limit, Preprocessor preprocessor) {
    try (Stream<Path> files = Files.walk(folder)) {
      return files
          .filter(file -> file.toString().matches(".*\\.(JPEG|jpe?g|png)"))
          .sorted(Comparator.comparing(Path::toString))
          .limit(limit)
          .map(file -> read(file, preprocessor))
          .toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** The first images of a folder that its {@code labels.csv} names, at most {@code limit}. */
  public static List<LabelledImage> labelled(Path folder, Preprocessor preprocessor, int limit) {
    List<LabelledImage> images = new ArrayList<>();
    for (String line : lines(folder.resolve("labels.csv"))) {
      if (images.size() == limit) {
        break;
      }
      String[] cells = line.split(",", -1);
      if (!cells[0].equals("file")) {
        float[] pixels = read(folder.resolve(cells[0]), preprocessor);
        images.add(new LabelledImage(cells[0], Integer.parseInt(cells[1]), pixels));
      }
    }
    return images;
  }

  /** Row {@code index} of the first axis of an array. */
  public static float[] row(Npy batch, int index) {
    int size = batch.size() / batch.shape()[0];
    float[] row = new float[size];
    for (int i = 0; i < size; i++) {
      row[i] = (float) batch.get(index * size + i);
    }
    return row;
  }

  private static List<String> lines(Path file) {
    try {
      return Files.readAllLines(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
