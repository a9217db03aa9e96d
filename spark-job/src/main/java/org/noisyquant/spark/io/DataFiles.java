package org.noisyquant.spark.io;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.util.Comparator;
import java.util.Set;
import java.util.stream.Stream;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.LocalFileSystem;
import org.apache.hadoop.fs.Path;

/**
 * The files with tensors beside a model, on the local disk: where they are, or else copies in the
 * temporary folder that {@link #close} deletes. What is mapped into memory by then stays readable,
 * and keeps its place on the disk.
 */
final class DataFiles implements AutoCloseable {
  private final java.nio.file.Path folder;
  private final boolean copied;

  private DataFiles(java.nio.file.Path folder, boolean copied) {
    this.folder = folder;
    this.copied = copied;
  }

  /**
   * Makes the files of a model local.
   *
   * @param names their paths, relative to the model's folder; those that do not exist are left out
   */
  static DataFiles of(Configuration hadoop, String model, Set<String> names) throws IOException {
    Path path = new Path(model);
    FileSystem files = path.getFileSystem(hadoop);
    if (files instanceof LocalFileSystem local) {
      java.nio.file.Path file = local.pathToFile(path).toPath().toAbsolutePath();
      return new DataFiles(file.getParent(), false);
    }
    DataFiles copies = new DataFiles(Files.createTempDirectory("noisyquant-model"), true);
    try {
      Path folder = files.makeQualified(path).getParent();
      for (String name : names) {
        copies.copy(files, new Path(folder, name), name);
      }
      return copies;
    } catch (IOException | RuntimeException e) {
      copies.close();
      throw e;
    }
  }

  private void copy(FileSystem files, Path from, String name) throws IOException {
    java.nio.file.Path to = folder.resolve(name);
    Files.createDirectories(to.getParent());
    try (InputStream in = files.open(from)) {
      Files.copy(in, to);
    } catch (FileNotFoundException e) {
      // The tensors that it should have are named when they are missed.
    }
  }

  java.nio.file.Path folder() {
    return folder;
  }

  @Override
  public void close() throws IOException {
    if (copied) {
      try (Stream<java.nio.file.Path> all = Files.walk(folder)) {
        all.sorted(Comparator.reverseOrder()).forEach(file -> file.toFile().delete());
      }
    }
  }
}
