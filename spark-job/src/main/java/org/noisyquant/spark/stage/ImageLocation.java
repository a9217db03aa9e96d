package org.noisyquant.spark.stage;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.Serializable;
import java.nio.file.AccessDeniedException;
import java.util.regex.Pattern;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSDataInputStream;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.security.AccessControlException;
import org.noisyquant.error.ErrorCode;
import org.noisyquant.error.NoisyQuantException;

/**
 * Where images are.
 *
 * @param pattern what Spark is to list: a glob, or a path with its special characters escaped
 * @param folder URI of the folder that names are relative to
 */
record ImageLocation(String pattern, String folder) implements Serializable {
  private static final Pattern WILDCARD = Pattern.compile("[*?\\[\\]{}\\\\]");

  /** Takes a path that exists literally, even with wildcard characters, before a glob. */
  static ImageLocation find(String given, String key, Configuration configuration) {
    try {
      Path path = new Path(given);
      FileSystem files = path.getFileSystem(configuration);
      Path qualified = files.makeQualified(path);
      try {
        FileStatus status = files.getFileStatus(path);
        Path folder = status.isDirectory() ? qualified : qualified.getParent();
        return new ImageLocation(escaped(qualified), folder.toString());
      } catch (FileNotFoundException e) {
        return glob(given, key, path, qualified, files);
      }
    } catch (IOException | IllegalArgumentException e) {
      throw new NoisyQuantException(
          ErrorCode.NO_IMAGES,
          "cannot list the images at '"
              + given
              + "' ("
              + e.getMessage()
              + "). Check "
              + key
              + " and the access to it",
          e);
    }
  }

  private static ImageLocation glob(
      String given, String key, Path path, Path qualified, FileSystem files) throws IOException {
    FileStatus[] matches = files.globStatus(path);
    if (matches == null || matches.length == 0) {
      throw new NoisyQuantException(
          ErrorCode.NO_IMAGES, "no images at " + given + ": nothing is there. Check " + key);
    }
    Path folder = qualified;
    while (WILDCARD.matcher(folder.toString()).find()) {
      folder = folder.getParent();
    }
    return new ImageLocation(qualified.toString(), folder.toString());
  }

  private static String escaped(Path path) {
    return WILDCARD.matcher(path.toString()).replaceAll("\\\\$0");
  }

  private String prefix() {
    return folder.endsWith("/") ? folder : folder + "/";
  }

  String nameOf(String path) {
    if (!path.startsWith(prefix())) {
      throw new IllegalStateException(path + " was listed below " + folder);
    }
    return path.substring(prefix().length());
  }

  /** Reads a whole file; see {@link ImageSource#read} for what becomes of failures. */
  ImageFile read(String name, Configuration configuration) throws IOException {
    String file = prefix() + name;
    Path path = new Path(file);
    try (FSDataInputStream in = path.getFileSystem(configuration).open(path)) {
      byte[] content = in.readAllBytes();
      return new ImageFile(file, name, content, ImageHash.digest(content), null);
    } catch (FileNotFoundException | AccessControlException | AccessDeniedException e) {
      byte[] nothing = {};
      return new ImageFile(file, name, nothing, ImageHash.digest(nothing), e.getMessage());
    }
  }
}
