package org.noisyquant.runtime;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.stream.Stream;
import org.noisyquant.onnx.OnnxFile;

/**
 * A folder for models that ONNX Runtime reads from files, deleted when it is closed.
 *
 * @param path of the folder
 */
record TemporaryFolder(Path path) implements AutoCloseable {
  static TemporaryFolder create(String name) {
    try {
      return new TemporaryFolder(Files.createTempDirectory(name));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Writes a model, with its data file if it has one, in place of one of the same name. */
  Path write(String name, OnnxFile model) {
    Path file = path.resolve(name);
    try {
      Files.deleteIfExists(path.resolve(OnnxFile.dataName(name)));
      model.write(file);
    } catch (IOException e) {
      throw new UncheckedIOException(
          "cannot write a model of " + model.size() + " bytes to the temporary folder " + path, e);
    }
    return file;
  }

  @Override
  public void close() {
    try (Stream<Path> files = Files.walk(path)) {
      files.sorted(Comparator.reverseOrder()).forEach(file -> file.toFile().delete());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
