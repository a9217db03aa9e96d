package org.noisyquant.spark.io;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/** Small files at any Hadoop FileSystem URI. */
public final class HadoopFiles {
  private HadoopFiles() {}

  /**
   * The content of a file of less than 2 GB.
   *
   * @throws FileNotFoundException if there is no such file, or it is a folder
   */
  public static byte[] read(Configuration hadoop, String uri) throws IOException {
    Path path = new Path(uri);
    FileSystem fileSystem = path.getFileSystem(hadoop);
    FileStatus status = fileSystem.getFileStatus(path);
    if (status.isDirectory()) {
      throw new FileNotFoundException(uri + " is a folder, not a file");
    }
    try (InputStream in = fileSystem.open(path)) {
      return in.readAllBytes();
    }
  }
}
