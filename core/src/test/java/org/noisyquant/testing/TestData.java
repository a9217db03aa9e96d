package org.noisyquant.testing;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.URISyntaxException;
import java.net.URL;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Iterator;
import java.util.Map;
import java.util.stream.Stream;

/** Where tests find models and images. */
public final class TestData {
  /** System property with the folder of the test data that is not part of the project. */
  public static final String SHARED_PROPERTY = "noisyquant.data";

  private TestData() {}

  /**
   * A file or folder of the Fashion-MNIST test files, such as {@code fashion_vit.onnx} or {@code
   * evaluation}. A real path also where the files come from the test jar: then they are unpacked
   * below {@code java.io.tmpdir}, once per JVM.
   */
  public static Path fashion(String relative) {
    Path path = Fashion.ROOT.resolve(relative);
    if (!Files.exists(path)) {
      throw new IllegalArgumentException("no test file fashion/" + relative);
    }
    return path;
  }

  /** The content of a Fashion-MNIST test file. */
  public static byte[] fashionBytes(String relative) {
    try {
      return Files.readAllBytes(fashion(relative));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /**
   * A file or folder of the test data that is not part of the project (DeiT-tiny, ImageNet). Skips
   * the calling test where the system property {@value #SHARED_PROPERTY} does not say where it is;
   * fails it where the property is set and the file is not there.
   */
  public static Path requireShared(String relative) {
    String root = System.getProperty(SHARED_PROPERTY, "");
    assumeTrue(
        !root.isBlank(),
        () -> "needs " + relative + ": set -D" + SHARED_PROPERTY + " to the folder that has it");
    Path path = Path.of(root, relative);
    if (!Files.exists(path)) {
      throw new IllegalStateException(
          "no " + relative + " in the folder of -D" + SHARED_PROPERTY + "=" + root);
    }
    return path;
  }

  /** Found on first use, so that tests of the shared folder do not unpack anything. */
  private static final class Fashion {
    static final Path ROOT = locate();

    private static Path locate() {
      // README.md, not the folder: jars need not have entries for folders.
      URL url = TestData.class.getResource("/fashion/README.md");
      if (url == null) {
        throw new IllegalStateException("no /fashion on the test class path");
      }
      try {
        URI uri = url.toURI();
        if (uri.getScheme().equals("file")) {
          return Path.of(uri).getParent();
        }
        try (FileSystem jar = FileSystems.newFileSystem(uri, Map.of())) {
          return unpack(jar.getPath("/fashion"));
        }
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      } catch (URISyntaxException e) {
        throw new IllegalStateException(e);
      }
    }

    private static Path unpack(Path source) throws IOException {
      Path target = Files.createTempDirectory("fashion");
      try (Stream<Path> paths = Files.walk(source)) {
        for (Iterator<Path> all = paths.iterator(); all.hasNext(); ) {
          Path path = all.next();
          Path copy = target.resolve(source.relativize(path).toString());
          if (Files.isDirectory(path)) {
            Files.createDirectories(copy);
          } else {
            Files.copy(path, copy);
          }
        }
      }
      return target;
    }
  }
}
