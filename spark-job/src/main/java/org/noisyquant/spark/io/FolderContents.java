package org.noisyquant.spark.io;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Collection;
import java.util.NavigableSet;
import java.util.TreeSet;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.LocalFileSystem;
import org.apache.hadoop.fs.Path;

/**
 * What is in an output folder right now. A folder is ours when it holds the marker file {@code
 * _noisyquant}, which lists the results in it; it is finished when it also holds {@code _SUCCESS}.
 *
 * @param fileSystem of the folder
 * @param folder qualified path
 */
record FolderContents(FileSystem fileSystem, Path folder) {
  static final String SUCCESS = "_SUCCESS";
  static final String MARKER = "_noisyquant";
  private static final String MARKER_TITLE = "# NoisyQuant writes and replaces these here:";

  /** Who put the files there. */
  enum State {
    /** There is no such folder, or nothing in it. */
    FREE,
    /** A run of ours did not come to its end. */
    UNFINISHED,
    /** The complete results of a run of ours. */
    FINISHED,
    /** Files of somebody else, or a file instead of a folder. */
    FOREIGN
  }

  /** Finds the file system of a URI. */
  static FolderContents at(Configuration hadoop, String uri) throws IOException {
    Path path = new Path(uri);
    FileSystem fileSystem = path.getFileSystem(hadoop);
    if (fileSystem instanceof LocalFileSystem local) {
      // Without the hidden .crc files that would stay behind when a file is replaced.
      fileSystem = local.getRawFileSystem();
    }
    return new FolderContents(fileSystem, fileSystem.makeQualified(path));
  }

  State state() throws IOException {
    FileStatus[] children;
    try {
      if (!fileSystem.getFileStatus(folder).isDirectory()) {
        return State.FOREIGN;
      }
      children = fileSystem.listStatus(folder);
    } catch (FileNotFoundException e) {
      return State.FREE;
    }
    if (children.length == 0) {
      return State.FREE;
    }
    if (!fileSystem.exists(child(MARKER))) {
      return State.FOREIGN;
    }
    return fileSystem.exists(child(SUCCESS)) ? State.FINISHED : State.UNFINISHED;
  }

  Path child(String name) {
    return new Path(folder, name);
  }

  /** Names of the results that the marker lists; none without a marker. */
  NavigableSet<String> results() throws IOException {
    NavigableSet<String> names = new TreeSet<>();
    try (InputStream in = fileSystem.open(child(MARKER))) {
      new String(in.readAllBytes(), StandardCharsets.UTF_8)
          .lines()
          .filter(line -> !line.isBlank() && !line.startsWith("#"))
          .forEach(names::add);
    } catch (FileNotFoundException e) {
      return names;
    }
    return names;
  }

  void markResults(Collection<String> names) throws IOException {
    String lines = MARKER_TITLE + "\n" + String.join("\n", new TreeSet<>(names)) + "\n";
    replace(child(MARKER), lines.getBytes(StandardCharsets.UTF_8));
  }

  /** Writes a small file beside its place and renames it into it. */
  void replace(Path file, byte[] content) throws IOException {
    Path partial = new Path(file.getParent(), "_partial-" + file.getName());
    try (OutputStream out = fileSystem.create(partial, true)) {
      out.write(content);
    }
    move(partial, file);
  }

  /** Renames a file or folder to a place where there may be another, which is deleted. */
  void move(Path from, Path to) throws IOException {
    fileSystem.delete(to, true);
    if (!fileSystem.rename(from, to)) {
      throw new IOException("cannot rename " + from + " to " + to);
    }
  }
}
