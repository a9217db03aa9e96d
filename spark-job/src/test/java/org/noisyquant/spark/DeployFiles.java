package org.noisyquant.spark;

import java.io.IOException;
import java.io.Reader;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.stream.Collectors;

/** Reads the files under {@code deploy/}, each in its own format. */
final class DeployFiles {
  static final Path ROOT = Path.of("..");
  static final Path DOCKERFILE = Path.of("deploy/docker/Dockerfile");
  static final Path IGNORED = Path.of("deploy/docker/Dockerfile.dockerignore");
  static final Path IMAGE_BUILD = Path.of("deploy/docker/build");
  static final Path SPARK_DEFAULTS = Path.of("conf/spark-defaults.conf");

  private DeployFiles() {}

  /** Every file that starts the program. */
  static List<Deployment> deployments() {
    return List.of(image());
  }

  /** The step of the image's build that runs the program. */
  private static Deployment image() {
    List<String> words =
        dockerfile().stream()
            .filter(line -> line.startsWith("RUN "))
            .flatMap(line -> Arrays.stream(line.split("&&", -1)[0].strip().split("\\s+", -1)))
            .toList();
    int jar = words.indexOf("--class") + 2;
    return new Deployment(
        DOCKERFILE,
        "",
        "",
        words.get(jar),
        words.get(jar - 1),
        sparkDefaults(),
        words.subList(jar + 1, words.size()));
  }

  /** The instructions of the Dockerfile, one a line, with its own ARG resolved. */
  static List<String> dockerfile() {
    List<String> instructions =
        text(DOCKERFILE)
            .replaceAll("(?m)^#.*\n", "")
            .replaceAll("\\\\\n\\s*", "")
            .lines()
            .filter(line -> !line.isBlank())
            .toList();
    List<String> resolved = new ArrayList<>();
    Map<String, String> arguments = new HashMap<>();
    for (String instruction : instructions) {
      String line = instruction;
      for (Map.Entry<String, String> argument : arguments.entrySet()) {
        line = line.replace("${" + argument.getKey() + "}", argument.getValue());
      }
      if (line.startsWith("ARG ")) {
        String[] nameAndValue = line.substring(4).split("=", 2);
        arguments.put(nameAndValue[0], nameAndValue[1]);
      }
      resolved.add(line);
    }
    return resolved;
  }

  /** What {@code conf/spark-defaults.conf} sets. */
  static Map<String, String> sparkDefaults() {
    Properties properties = new Properties();
    try (Reader reader = Files.newBufferedReader(ROOT.resolve(SPARK_DEFAULTS))) {
      properties.load(reader);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return properties.stringPropertyNames().stream()
        .collect(Collectors.toMap(name -> name, name -> properties.getProperty(name).strip()));
  }

  static String text(Path file) {
    try {
      return Files.readString(ROOT.resolve(file));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
