package org.noisyquant.spark.io;

import java.io.IOException;
import java.util.NavigableSet;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;

/** Where a failed run says why: never among finished results or somebody else's files. */
public final class FailedRun {
  private FailedRun() {}

  /**
   * Writes the metrics of a failed run: into its output folder if that holds no finished results
   * and nothing foreign, and no other run has it (it is created if need be), else beside it as
   * {@code OUTPUT.failed-metrics.json}.
   *
   * @return the file written
   * @throws IOException if neither can be written
   * @throws IllegalArgumentException if the text is no URI
   */
  public static Path writeMetrics(Configuration hadoop, String uri, Metrics metrics)
      throws IOException {
    FolderContents contents = FolderContents.at(hadoop, uri);
    if (FolderClaim.isOn(contents)) {
      return write(contents, besides(contents), metrics);
    }
    return switch (contents.state()) {
      case FREE, UNFINISHED -> {
        contents.fileSystem().mkdirs(contents.folder());
        NavigableSet<String> results = contents.results();
        results.add(OutputFolder.METRICS);
        contents.markResults(results);
        yield write(contents, contents.child(OutputFolder.METRICS), metrics);
      }
      case FINISHED, FOREIGN -> write(contents, besides(contents), metrics);
    };
  }

  static Path besides(FolderContents contents) {
    return contents.folder().suffix(".failed-metrics.json");
  }

  private static Path write(FolderContents contents, Path file, Metrics metrics)
      throws IOException {
    contents.replace(file, metrics.toJson());
    return file;
  }
}
