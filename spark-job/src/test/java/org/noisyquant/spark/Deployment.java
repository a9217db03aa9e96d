package org.noisyquant.spark;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/**
 * What one file under {@code deploy/} starts, whatever its format.
 *
 * @param file the file
 * @param profile of Maven that builds the jar for the platform's Spark; empty: none
 * @param scheme of the platform's paths; empty: local ones
 * @param jar path or URI
 * @param mainClass what is run of it
 * @param conf settings for Spark, by the names that Spark gives them
 * @param arguments of the program
 */
record Deployment(
    Path file,
    String profile,
    String scheme,
    String jar,
    String mainClass,
    Map<String, String> conf,
    List<String> arguments) {
  /** The modules that a JVM is told to open. */
  static List<String> opened(String javaOptions) {
    return Arrays.stream(javaOptions.strip().split("\\s+", -1))
        .filter(option -> option.startsWith("--add-opens"))
        .toList();
  }

  /** For the names of tests. */
  @Override
  public String toString() {
    return file.toString();
  }
}
