package org.noisyquant.spark.testing;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.io.Writer;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** A Master and Workers, as processes of their own. */
public final class StandaloneCluster implements AutoCloseable {
  private final List<Process> workers = new ArrayList<>();
  private final Process master;
  private final String url;

  private StandaloneCluster(Process master, String url) {
    this.master = master;
    this.url = url;
  }

  /**
   * Starts a cluster of Workers of one core each.
   *
   * @param folder for logs and work
   */
  public static StandaloneCluster start(SparkProcesses spark, Path folder, int workers)
      throws IOException {
    return start(spark, folder, workers, 1);
  }

  /**
   * Starts a cluster.
   *
   * @param folder for logs and work
   * @param cores of each Worker
   */
  public static StandaloneCluster start(SparkProcesses spark, Path folder, int workers, int cores)
      throws IOException {
    int port;
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      port = socket.getLocalPort();
    }
    Process master =
        spark
            .java(
                "org.apache.spark.deploy.master.Master",
                List.of(
                    "--host", "127.0.0.1", "--port", Integer.toString(port), "--webui-port", "0"))
            .start();
    StandaloneCluster cluster = new StandaloneCluster(master, "spark://127.0.0.1:" + port);
    for (int i = 0; i < workers; i++) {
      cluster.workers.add(
          spark
              .java(
                  "org.apache.spark.deploy.worker.Worker",
                  List.of(
                      "--cores",
                      Integer.toString(cores),
                      "--memory",
                      "2g",
                      "--webui-port",
                      "0",
                      "--work-dir",
                      folder.resolve("work-" + i).toString(),
                      cluster.url))
              .redirectOutput(folder.resolve("worker-" + i + ".log").toFile())
              .start());
    }
    cluster.awaitWorkers(folder.resolve("master.log"));
    return cluster;
  }

  /** What is submitted to a Master that does not listen yet is lost without a word. */
  private void awaitWorkers(Path log) throws IOException {
    BufferedReader lines = master.inputReader();
    StringBuilder read = new StringBuilder();
    int registered = 0;
    while (registered < workers.size()) {
      String line = lines.readLine();
      if (line == null) {
        throw new IOException("the Master ended: " + read);
      }
      read.append(line).append('\n');
      registered += line.contains("Registering worker") ? 1 : 0;
    }
    Thread drain =
        new Thread(
            () -> {
              try (Writer out = Files.newBufferedWriter(log)) {
                out.append(read);
                lines.transferTo(out);
              } catch (IOException e) {
                // The Master was ended.
              }
            },
            "master-log");
    drain.setDaemon(true);
    drain.start();
  }

  /** What {@code --master} takes. */
  public String url() {
    return url;
  }

  /** kill -9 of the executors of a Worker, which starts others; how many there were. */
  public int killExecutors(int worker) {
    List<ProcessHandle> executors = workers.get(worker).descendants().toList();
    executors.forEach(ProcessHandle::destroyForcibly);
    return executors.size();
  }

  /** Has the executors of a Worker stand still; they keep their connections. */
  public void stopExecutors(int worker) {
    signal("STOP", worker);
  }

  /** Has them go on. */
  public void continueExecutors(int worker) {
    signal("CONT", worker);
  }

  private void signal(String name, int worker) {
    List<String> command = new ArrayList<>(List.of("kill", "-" + name));
    workers.get(worker).descendants().forEach(p -> command.add(Long.toString(p.pid())));
    try {
      if (new ProcessBuilder(command).start().waitFor() != 0) {
        throw new IllegalStateException(command + " failed");
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
  }

  /** kill -9 of a Worker; its executors end when they notice. */
  public void killWorker(int worker) {
    workers.get(worker).toHandle().destroyForcibly();
  }

  @Override
  public void close() {
    workers.forEach(worker -> SparkProcesses.kill(worker.toHandle()));
    SparkProcesses.kill(master.toHandle());
  }
}
