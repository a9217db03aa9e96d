package org.noisyquant.spark.io;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.StringReader;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import java.util.Properties;
import java.util.Timer;
import java.util.TimerTask;
import java.util.UUID;
import org.apache.hadoop.fs.Path;
import org.noisyquant.error.ErrorCode;
import org.noisyquant.error.NoisyQuantException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The claim of one run on an output folder: the file {@code _running}, which it writes anew every
 * few seconds with a higher number. A claim whose number stays the same for longer is that of a run
 * that died, and is taken over; no clocks are compared. Of two runs that take over the same one,
 * the later stays, and the other notices before it commits.
 */
final class FolderClaim implements AutoCloseable {
  /**
   * How often a run shows that it lives, and how long another waits for that.
   *
   * @param beat between two signs
   * @param patience without a sign; more than two beats
   */
  record Timing(Duration beat, Duration patience) {
    static final Timing DEFAULT = new Timing(Duration.ofSeconds(10), Duration.ofSeconds(30));
  }

  static final String FILE = "_running";

  private static final Logger LOG = LoggerFactory.getLogger(FolderClaim.class);

  /** Looks for a sign of another run, to one wait for it. */
  private static final int LOOKS = 30;

  /** The last line of a claim: without it, it is not complete. */
  private static final String LAST = "number";

  private static final long AGAIN_MILLIS = 10;

  private final FolderContents contents;
  private final boolean afterDeath;
  private final String run = UUID.randomUUID().toString();
  private final String since = Instant.now().toString();
  private final Timer beats = new Timer("noisyquant-claim", true);
  private boolean over;
  private long number;

  private FolderClaim(FolderContents contents, boolean afterDeath) {
    this.contents = contents;
    this.afterDeath = afterDeath;
  }

  /**
   * Claims a folder, after a wait where it is claimed already.
   *
   * @throws NoisyQuantException OUTPUT_IN_USE if the run that has it lives
   */
  static FolderClaim take(FolderContents contents, Timing timing) throws IOException {
    Optional<Properties> other = read(contents);
    if (other.isPresent() && !diedHere(other.get())) {
      awaitDeath(contents, other.get(), timing);
    }
    FolderClaim claim = new FolderClaim(contents, other.isPresent());
    claim.write();
    long period = timing.beat().toMillis();
    claim.beats.schedule(
        new TimerTask() {
          @Override
          public void run() {
            claim.beat();
          }
        },
        period,
        period);
    return claim;
  }

  /** Whether another run had the folder and did not give it back. */
  boolean afterDeath() {
    return afterDeath;
  }

  /** Whether a run has the folder, or died with it. */
  static boolean isOn(FolderContents contents) throws IOException {
    return read(contents).isPresent();
  }

  /**
   * Makes sure that the folder is still this run's.
   *
   * @throws NoisyQuantException OUTPUT_IN_USE if another has taken it over
   */
  synchronized void check() throws IOException {
    Properties now = read(contents).orElseGet(Properties::new);
    if (!run.equals(now.getProperty("run"))) {
      throw inUse(contents, now, "took it over, as this one gave no sign of life for some time");
    }
  }

  @Override
  public void close() {
    beats.cancel();
    synchronized (this) {
      over = true;
      try {
        check();
        contents.fileSystem().delete(file(contents), false);
      } catch (NoisyQuantException | IOException e) {
        LOG.debug("{} stays", file(contents), e);
      }
    }
  }

  private synchronized void beat() {
    try {
      if (!over) {
        check();
        write();
      }
    } catch (NoisyQuantException e) {
      LOG.error("{}; its results are given up at the end", e.getMessage());
      over = true;
    } catch (IOException e) {
      LOG.debug("no sign of life", e);
    }
  }

  private void write() throws IOException {
    String text =
        String.join(
                "\n",
                "# A run of NoisyQuant writes in this folder.",
                "run=" + run,
                "host=" + Host.name(),
                "pid=" + ProcessHandle.current().pid(),
                "since=" + since,
                LAST + "=" + number++)
            + "\n";
    try (OutputStream out = contents.fileSystem().create(file(contents), true)) {
      out.write(text.getBytes(StandardCharsets.UTF_8));
    }
  }

  private static void awaitDeath(FolderContents contents, Properties other, Timing timing)
      throws IOException {
    LOG.warn(
        "{} is claimed by another run ({}): waiting for up to {} s for a sign of it",
        contents.folder(),
        described(other),
        timing.patience().toSeconds());
    for (int look = 0; look < LOOKS; look++) {
      sleep(timing.patience().toMillis() / LOOKS, contents);
      Optional<Properties> now = read(contents);
      if (now.isEmpty()) {
        return;
      }
      if (!now.get().equals(other)) {
        throw inUse(contents, now.get(), "is writing in it");
      }
    }
    LOG.warn("it gave none: this run takes {} over", contents.folder());
  }

  private static void sleep(long millis, FolderContents contents) throws IOException {
    try {
      Thread.sleep(millis);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted while waiting for " + file(contents), e);
    }
  }

  private static NoisyQuantException inUse(FolderContents folder, Properties now, String what) {
    return new NoisyQuantException(
        ErrorCode.OUTPUT_IN_USE,
        "output folder "
            + folder.folder()
            + " is another run's: one "
            + described(now)
            + " "
            + what
            + "; give another folder, or wait until it ends");
  }

  private static String described(Properties claim) {
    return "on "
        + claim.getProperty("host", "an unknown host")
        + ", process "
        + claim.getProperty("pid", "unknown")
        + ", since "
        + claim.getProperty("since", "unknown");
  }

  /** Whether the claim is of a process of this host that is gone. */
  private static boolean diedHere(Properties claim) {
    try {
      long pid = Long.parseLong(claim.getProperty("pid", ""));
      return Host.name().equals(claim.getProperty("host"))
          && ProcessHandle.of(pid).filter(ProcessHandle::isAlive).isEmpty();
    } catch (NumberFormatException e) {
      return false;
    }
  }

  /** The claim, complete where it is not one that a run died over. */
  private static Optional<Properties> read(FolderContents contents) throws IOException {
    Optional<Properties> claim = readOnce(contents);
    for (int i = 0; i < LOOKS && claim.isPresent() && !claim.get().containsKey(LAST); i++) {
      // It is being written.
      sleep(AGAIN_MILLIS, contents);
      claim = readOnce(contents);
    }
    return claim;
  }

  private static Optional<Properties> readOnce(FolderContents contents) throws IOException {
    Properties claim = new Properties();
    try (InputStream in = contents.fileSystem().open(file(contents))) {
      claim.load(new StringReader(new String(in.readAllBytes(), StandardCharsets.UTF_8)));
    } catch (FileNotFoundException e) {
      return Optional.empty();
    }
    return Optional.of(claim);
  }

  private static Path file(FolderContents contents) {
    return contents.child(FILE);
  }
}
