package org.noisyquant.spark;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.jar.JarFile;
import java.util.zip.ZipEntry;
import java.util.zip.ZipInputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.noisyquant.spark.io.BuildVersion;

/** The jar as Maven has packaged it, and the launcher that runs it. */
class PackagedJarIT {
  private static final Path JAR = Path.of(System.getProperty("noisyquant.jar"));
  private static final Path LAUNCHER = Path.of("..", "deploy", "local", "noisyquant");

  @TempDir Path folder;

  @Test
  void theJarHoldsWhatSparkDoesNotBringAndNothingElse() throws IOException {
    assertThat(names())
        .contains(
            "org/noisyquant/spark/NoisyQuantJob.class",
            "org/noisyquant/shaded/protobuf/Message.class",
            "org/noisyquant/shaded/onnx/proto/OnnxMl$ModelProto.class",
            "org/noisyquant/shaded/twelvemonkeys/imageio/plugins/webp/WebPImageReaderSpi.class",
            "org/noisyquant/shaded/typesafe/config/Config.class",
            "ai/onnxruntime/native/linux-x64/libonnxruntime.so",
            "ai/onnxruntime/native/linux-aarch64/libonnxruntime.so",
            "demo/model.onnx",
            "reference.conf",
            "software/amazon/awssdk/services/s3/execution.interceptors",
            "META-INF/LICENSE",
            "META-INF/NOTICE")
        .noneMatch(
            name ->
                name.startsWith("org/apache/")
                    || name.startsWith("scala/")
                    || name.startsWith("com/")
                    || name.startsWith("org/slf4j/")
                    || name.startsWith("ai/onnx/")
                    || name.startsWith("org/tribuo/")
                    || name.startsWith("META-INF/services/javax.imageio")
                    || name.endsWith(".dylib")
                    || name.endsWith(".dll")
                    || name.endsWith(".SF"));
  }

  @Test
  void theJarIsSmallEnoughToShip() throws IOException {
    assertThat(Files.size(JAR)).isLessThanOrEqualTo(40L << 20);
  }

  /** As on an executor: by a class loader of its own, which ImageIO's registry does not see. */
  @Test
  void theRelocatedWebpReaderWorks() throws Exception {
    URL[] jar = {JAR.toUri().toURL()};
    try (URLClassLoader loader = new URLClassLoader(jar, ClassLoader.getPlatformClassLoader())) {
      Object image =
          loader
              .loadClass("org.noisyquant.image.ImageDecoder")
              .getMethod("decode", byte[].class, String.class)
              .invoke(null, imageForm("rgb.webp"), "rgb.webp");
      assertThat(image.getClass().getMethod("width").invoke(image)).isEqualTo(21);
    }
  }

  private static byte[] imageForm(String name) throws IOException {
    try (ZipInputStream zip =
        new ZipInputStream(PackagedJarIT.class.getResourceAsStream("/image-forms.zip"))) {
      while (!zip.getNextEntry().getName().equals(name)) {
        zip.closeEntry();
      }
      return zip.readAllBytes();
    }
  }

  @Test
  void theNoticeNamesEveryBundledComponent() throws IOException {
    try (JarFile jar = new JarFile(JAR.toFile())) {
      ZipEntry entry = jar.getEntry("META-INF/NOTICE");
      String notice = new String(jar.getInputStream(entry).readAllBytes(), StandardCharsets.UTF_8);
      assertThat(notice)
          .contains("onnxruntime", "tribuo", "protobuf", "TwelveMonkeys", "picocli")
          .contains("Typesafe Config", "Zalando");
    }
  }

  @Test
  void theLauncherRunsFromAnywhereUnderAnyNameAndLeavesNothingBehind() throws Exception {
    Path link = Files.createDirectory(folder.resolve("with spaces")).resolve("nq");
    Files.createSymbolicLink(link, LAUNCHER.toRealPath());
    Path temporary = Files.createDirectory(folder.resolve("temporary files"));
    Ended ended = launch(link, Map.of("TMPDIR", temporary.toString()), "--version");
    assertThat(ended.output()).startsWith("noisyquant " + BuildVersion.noisyquant());
    assertThat(ended.exitCode()).isZero();
    assertThat(temporary).isEmptyDirectory();
  }

  @Test
  void theLauncherPassesTheExitCodeOn() throws Exception {
    Ended ended = launch(LAUNCHER.toRealPath(), Map.of(), "--no-such-flag");
    assertThat(ended.output()).contains("ERROR UNKNOWN_KEY");
    assertThat(ended.exitCode()).isEqualTo(2);
  }

  @Test
  void theLauncherRefusesAnOldJava() throws Exception {
    Path java = Files.createDirectories(folder.resolve("jdk/bin")).resolve("java");
    Files.writeString(java, "#!/bin/sh\necho 'openjdk version \"11.0.2\"' >&2\n");
    assertThat(java.toFile().setExecutable(true)).isTrue();
    Map<String, String> oldJava = Map.of("JAVA_HOME", folder.resolve("jdk").toString());
    Ended ended = launch(LAUNCHER.toRealPath(), oldJava, "--version");
    assertThat(ended.output()).contains("is Java 11; 17 or newer is needed, set JAVA_HOME");
    assertThat(ended.exitCode()).isEqualTo(2);
  }

  private record Ended(int exitCode, String output) {}

  private Ended launch(Path launcher, Map<String, String> environment, String... args)
      throws IOException, InterruptedException {
    ProcessBuilder builder = new ProcessBuilder("bash", launcher.toString());
    builder.command().addAll(List.of(args));
    builder.environment().putAll(environment);
    Path output = folder.resolve("output.txt");
    builder.directory(folder.toFile()).redirectErrorStream(true).redirectOutput(output.toFile());
    Process process = builder.start();
    try {
      assertThat(process.waitFor(2, TimeUnit.MINUTES)).isTrue();
    } finally {
      process.destroyForcibly();
    }
    return new Ended(process.exitValue(), Files.readString(output));
  }

  private static List<String> names() throws IOException {
    try (JarFile jar = new JarFile(JAR.toFile())) {
      return jar.stream().map(ZipEntry::getName).toList();
    }
  }
}
