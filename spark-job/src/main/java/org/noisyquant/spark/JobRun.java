package org.noisyquant.spark;

import java.io.PrintWriter;
import org.noisyquant.spark.io.Metrics;

/** What one run tells, on standard output and in its metrics. Mutable. */
final class JobRun {
  private final PrintWriter out;
  private final Metrics metrics = new Metrics();
  private final long startNanos = System.nanoTime();

  JobRun(PrintWriter out) {
    this.out = out;
  }

  Metrics metrics() {
    return metrics;
  }

  /** Prints the result for people. */
  void print(String text) {
    out.println(text);
    out.flush();
  }

  double seconds() {
    return (System.nanoTime() - startNanos) / 1e9;
  }

  /** Completes the metrics of a run that did what it should. */
  void succeeded() {
    metrics.put("status", "succeeded");
    metrics.put("exit.code", 0L);
    metrics.putNull("error.code");
    metrics.putNull("error.message");
    metrics.putSeconds("total", startNanos);
  }

  /** Completes the metrics of a run that failed. */
  void failed(Failure failure) {
    metrics.put("status", "failed");
    metrics.put("exit.code", (long) failure.exitCode());
    metrics.put("error.code", failure.code().name());
    metrics.put("error.message", failure.message());
    metrics.putSeconds("total", startNanos);
  }
}
