package org.noisyquant.spark;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import javax.imageio.ImageIO;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DemoBundleTest {
  @TempDir Path folder;

  @Test
  void theBundleIsAModelAndDisjointImagesWithLabels() throws IOException {
    DemoBundle.unpack(
        FileSystem.getLocal(new Configuration()).getRawFileSystem(),
        new org.apache.hadoop.fs.Path(folder.toString()));
    assertThat(folder.resolve(DemoBundle.MODEL)).isNotEmptyFile();
    assertThat(folder.resolve("preprocessor_config.json")).isNotEmptyFile();

    Path calibration = folder.resolve(DemoBundle.CALIBRATION);
    Path evaluation = folder.resolve(DemoBundle.EVALUATION);
    Set<String> calibrated = contents(calibration);
    Set<String> evaluated = contents(evaluation);
    assertThat(calibrated).hasSize(128);
    assertThat(evaluated).hasSize(300).doesNotContainAnyElementsOf(calibrated);

    List<String> labels = Files.readAllLines(evaluation.resolve("labels.csv"));
    assertThat(labels).hasSize(301).startsWith("file,label");
    for (String line : labels.subList(1, 301)) {
      assertThat(evaluation.resolve(line.replaceFirst(",\\d$", ""))).exists();
    }
  }

  /** Pixels of every image of a folder, as text; fails on one that is no 28×28 image. */
  private static Set<String> contents(Path images) throws IOException {
    List<Path> files;
    try (Stream<Path> children = Files.list(images)) {
      files = children.filter(f -> f.toString().endsWith(".png")).toList();
    }
    Set<String> contents = new HashSet<>();
    for (Path file : files) {
      int[] pixels = ImageIO.read(file.toFile()).getRGB(0, 0, 28, 28, null, 0, 28);
      contents.add(
          java.util.Arrays.stream(pixels).mapToObj(String::valueOf).collect(Collectors.joining()));
    }
    return contents;
  }
}
