package org.noisyquant.spark.testing;

import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.BiConsumer;
import org.apache.spark.launcher.JavaModuleOptions;

/**
 * Starts programs of Spark as processes of their own, with nothing but the jars of Spark that Maven
 * has resolved.
 */
public final class SparkProcesses {
  private static final Path SPARK_CLASSPATH =
      Path.of(System.getProperty("noisyquant.spark.classpath"));
  private static final Path JAR = Path.of(System.getProperty("noisyquant.jar"));
  private static final Path PROPERTIES = Path.of("..", "conf", "spark-defaults.conf");

  private final Path folder;
  private final Path home;

  /**
   * Lays out a SPARK_HOME.
   *
   * @param folder where it and the files of processes go
   */
  public SparkProcesses(Path folder) throws IOException {
    this.folder = folder;
    home = folder.resolve("spark");
    Path jars = Files.createDirectories(home.resolve("jars"));
    String paths = Files.readString(SPARK_CLASSPATH).strip();
    for (String path : paths.split(File.pathSeparator, -1)) {
      Path jar = Path.of(path);
      Files.createSymbolicLink(jars.resolve(jar.getFileName()), jar);
    }
  }

  /** A class of Spark in a JVM of its own; errors and output are one stream. */
  public ProcessBuilder java(String className, List<String> arguments) {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    // As the scripts of a Spark distribution do.
    command.addAll(List.of(JavaModuleOptions.defaultModuleOptions().strip().split("\\s+")));
    command.addAll(List.of("-cp", home.resolve("jars") + File.separator + "*", className));
    command.addAll(arguments);
    ProcessBuilder builder = new ProcessBuilder(command);
    builder
        .environment()
        .putAll(
            Map.of(
                "SPARK_HOME", home.toString(),
                "SPARK_SCALA_VERSION", System.getProperty("noisyquant.scala"),
                "SPARK_LOCAL_IP", "127.0.0.1"));
    return builder.directory(folder.toFile()).redirectErrorStream(true);
  }

  /**
   * spark-submit of the packaged jar.
   *
   * @param settings {@code key=value}, besides those of {@code conf/spark-defaults.conf}
   * @param arguments of the jar's program
   */
  public ProcessBuilder submit(
      String master, String mainClass, List<String> settings, List<String> arguments)
      throws IOException {
    List<String> command =
        new ArrayList<>(
            List.of(
                "--master",
                master,
                "--properties-file",
                PROPERTIES.toRealPath().toString(),
                "--class",
                mainClass));
    for (String setting : settings) {
      command.addAll(List.of("--conf", setting));
    }
    command.add(JAR.toString());
    command.addAll(arguments);
    return java("org.apache.spark.deploy.SparkSubmit", command);
  }

  /**
   * A process that has ended.
   *
   * @param log all that it wrote
   */
  public record Ended(int exitCode, String log) {}

  /** Runs a process to its end, and shows every line of its log when it comes. */
  public static Ended run(ProcessBuilder builder, BiConsumer<Process, String> eachLine)
      throws IOException, InterruptedException {
    Process process = builder.start();
    StringBuilder log = new StringBuilder();
    try (BufferedReader lines = process.inputReader()) {
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        log.append(line).append('\n');
        eachLine.accept(process, line);
      }
      return new Ended(process.waitFor(), log.toString());
    } finally {
      kill(process.toHandle());
    }
  }

  /** Settings of executors of one core on this machine. */
  public static List<String> smallExecutors() {
    return List.of(
        "spark.executor.memory=1g",
        "spark.executor.cores=1",
        "spark.ui.enabled=false",
        "spark.driver.host=127.0.0.1");
  }

  /** Ends a process and all that it started. */
  public static void kill(ProcessHandle process) {
    process.descendants().forEach(ProcessHandle::destroyForcibly);
    process.destroyForcibly();
  }
}
