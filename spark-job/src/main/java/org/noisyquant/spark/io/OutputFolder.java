package org.noisyquant.spark.io;

import java.io.IOException;
import java.io.OutputStream;
import java.util.NavigableSet;
import java.util.TreeSet;
import java.util.UUID;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.noisyquant.error.ErrorCode;
import org.noisyquant.error.NoisyQuantException;
import org.noisyquant.onnx.OnnxFile;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The folder of one run's results, at any Hadoop FileSystem URI. Results are written under {@code
 * _temporary-ID} in it and renamed into place by {@link #commit}, {@code _SUCCESS} last: earlier
 * results stay untouched until then, and a run that fails leaves no result. One run at a time has a
 * folder open ({@code _running}).
 *
 * <p>Names of results are relative paths; their first part starts with neither {@code _} nor a dot.
 * All methods throw {@link ErrorCode#OUTPUT_NOT_WRITABLE} where the file system refuses.
 */
public final class OutputFolder implements AutoCloseable {
  /** Name of the file with the {@link Metrics} of the run. */
  public static final String METRICS = "metrics.json";

  private static final Logger LOG = LoggerFactory.getLogger(OutputFolder.class);

  private static final String STAGING_PREFIX = "_temporary-";

  private static final String CHECKPOINTS = "_checkpoints";

  private final FolderContents contents;
  private final FolderClaim claim;
  private final Path staging;
  private boolean open = true;

  private OutputFolder(FolderContents contents, FolderClaim claim, Path staging) {
    this.contents = contents;
    this.claim = claim;
    this.staging = staging;
  }

  /**
   * Opens a folder, created if need be, and makes sure that it can be written.
   *
   * @param uri the folder
   * @param overwrite whether finished results of ours in it may be replaced
   * @throws NoisyQuantException OUTPUT_EXISTS if it holds finished results and they may not be
   *     replaced, or files that are not ours; OUTPUT_IN_USE while another run has it;
   *     OUTPUT_NOT_WRITABLE
   */
  public static OutputFolder open(Configuration hadoop, String uri, boolean overwrite) {
    return open(hadoop, uri, overwrite, FolderClaim.Timing.DEFAULT);
  }

  static OutputFolder open(
      Configuration hadoop, String uri, boolean overwrite, FolderClaim.Timing timing) {
    try {
      FolderContents contents = FolderContents.at(hadoop, uri);
      FolderContents.State state = contents.state();
      refuse(state, uri, overwrite);
      FileSystem fileSystem = contents.fileSystem();
      fileSystem.mkdirs(contents.folder());
      if (state == FolderContents.State.FREE) {
        contents.markResults(new TreeSet<>());
      }
      FolderClaim claim = FolderClaim.take(contents, timing);
      deleteStaging(contents);
      Path staging = contents.child(STAGING_PREFIX + UUID.randomUUID());
      fileSystem.mkdirs(staging);
      return new OutputFolder(contents, claim, staging);
    } catch (IOException | IllegalArgumentException e) {
      // IllegalArgumentException is what Path has for text that is no URI.
      throw notWritable(uri, e);
    }
  }

  /**
   * Makes sure that {@link #open} would give the folder, and leaves it as it is.
   *
   * @throws NoisyQuantException as {@link #open}
   */
  public static void check(Configuration hadoop, String uri, boolean overwrite) {
    try {
      FolderContents contents = FolderContents.at(hadoop, uri);
      refuse(contents.state(), uri, overwrite);
      FileSystem fileSystem = contents.fileSystem();
      boolean there = fileSystem.exists(contents.folder());
      Path probe = contents.child("_probe");
      fileSystem.create(probe, true).close();
      fileSystem.delete(there ? probe : contents.folder(), true);
    } catch (IOException | IllegalArgumentException e) {
      throw notWritable(uri, e);
    }
  }

  /** The folder itself, qualified. */
  public Path folder() {
    return contents.folder();
  }

  /**
   * Where to keep what the next run may go on from, if this one does not come to its end. {@link
   * #commit} deletes it.
   */
  public Path checkpoints() {
    return contents.child(CHECKPOINTS);
  }

  /** Whether the run before this one ended without a word. */
  public boolean afterDeath() {
    return claim.afterDeath();
  }

  /** The file system of the folder and of what is staged. */
  public FileSystem fileSystem() {
    return contents.fileSystem();
  }

  /** Where to write a result, file or folder, by other means than this class. */
  public Path staging(String name) {
    if (!open) {
      throw new IllegalStateException(contents.folder() + " is committed or given up");
    }
    Path relative = new Path(name);
    if (relative.isAbsolute()
        || name.contains("..")
        || name.startsWith("_")
        || name.startsWith(".")) {
      throw new IllegalArgumentException("'" + name + "' is no name of a result");
    }
    return new Path(staging, relative);
  }

  /** Starts a result of any size; closing the stream ends it. */
  public OutputStream create(String name) {
    try {
      return contents.fileSystem().create(staging(name), true);
    } catch (IOException e) {
      throw notWritable(contents.folder() + "/" + name, e);
    }
  }

  /** Writes a small result. */
  public void write(String name, byte[] content) {
    try (OutputStream out = create(name)) {
      out.write(content);
    } catch (IOException e) {
      throw notWritable(contents.folder() + "/" + name, e);
    }
  }

  /** Writes a model, and beside it its data file, if it has one. */
  public void write(String name, OnnxFile model) {
    String dataName = OnnxFile.dataName(name);
    if (model.hasData()) {
      try (OutputStream out = create(dataName)) {
        model.writeData(out);
      } catch (IOException e) {
        throw notWritable(contents.folder() + "/" + dataName, e);
      }
    }
    write(name, model.graph(dataName));
  }

  /**
   * Renames all results into place, in place of earlier ones, and closes the folder.
   *
   * @throws NoisyQuantException OUTPUT_IN_USE if another run took the folder over
   */
  public void commit() {
    staging("results");
    try {
      claim.check();
      FileSystem fileSystem = contents.fileSystem();
      NavigableSet<String> results = stagedResults();
      NavigableSet<String> stale = contents.results();
      stale.add(METRICS);
      stale.addAll(results);
      // First all names, old and new: whatever this commit leaves if it is cut off is known as
      // ours.
      contents.markResults(stale);
      fileSystem.delete(contents.child(FolderContents.SUCCESS), false);
      for (String name : results) {
        contents.move(new Path(staging, name), contents.child(name));
      }
      stale.removeAll(results);
      for (String name : stale) {
        fileSystem.delete(contents.child(name), true);
      }
      contents.markResults(results);
      fileSystem.delete(FailedRun.besides(contents), false);
      fileSystem.create(contents.child(FolderContents.SUCCESS), true).close();
      open = false;
      deleteStaging(contents);
      fileSystem.delete(checkpoints(), true);
    } catch (IOException e) {
      throw notWritable(contents.folder().toString(), e);
    }
  }

  /** Deletes what is staged, if it was not committed, and closes the folder; checkpoints stay. */
  public void abort() {
    if (!open) {
      return;
    }
    open = false;
    try {
      contents.fileSystem().delete(staging, true);
      if (contents.fileSystem().exists(checkpoints())) {
        LOG.warn(
            "what was finished is kept in {}: the same command goes on from there", checkpoints());
      }
    } catch (IOException e) {
      throw notWritable(staging.toString(), e);
    }
  }

  /** The same as {@link #abort}; another run may then open the folder. */
  @Override
  public void close() {
    try {
      abort();
    } finally {
      claim.close();
    }
  }

  private NavigableSet<String> stagedResults() throws IOException {
    NavigableSet<String> names = new TreeSet<>();
    for (FileStatus child : contents.fileSystem().listStatus(staging)) {
      String name = child.getPath().getName();
      // Hidden files are checksums of a file system, no results.
      if (!name.startsWith(".") && !name.startsWith("_")) {
        names.add(name);
      }
    }
    return names;
  }

  private static void deleteStaging(FolderContents contents) throws IOException {
    for (FileStatus child : contents.fileSystem().listStatus(contents.folder())) {
      if (child.getPath().getName().startsWith(STAGING_PREFIX)) {
        contents.fileSystem().delete(child.getPath(), true);
      }
    }
  }

  private static void refuse(FolderContents.State state, String uri, boolean overwrite) {
    if (state == FolderContents.State.FOREIGN) {
      throw new NoisyQuantException(
          ErrorCode.OUTPUT_EXISTS,
          "output "
              + uri
              + " exists and was not written by NoisyQuant; nothing in it is touched,"
              + " give a new or empty folder");
    }
    if (state == FolderContents.State.FINISHED && !overwrite) {
      throw new NoisyQuantException(
          ErrorCode.OUTPUT_EXISTS,
          "output folder "
              + uri
              + " holds the results of a finished run; give another folder, or --overwrite"
              + " (output.overwrite) to replace them");
    }
  }

  private static NoisyQuantException notWritable(String uri, Exception cause) {
    return new NoisyQuantException(
        ErrorCode.OUTPUT_NOT_WRITABLE,
        "cannot write output "
            + uri
            + ": "
            + cause.getMessage()
            + "; check the path, its permissions and the file system's credentials",
        cause);
  }
}
