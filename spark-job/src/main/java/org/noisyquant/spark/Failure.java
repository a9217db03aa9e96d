package org.noisyquant.spark;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.noisyquant.error.ErrorCode;
import org.noisyquant.error.NoisyQuantException;

/**
 * What a run failed of, found in an exception of whatever kind: thrown here, wrapped by Spark, or
 * only quoted in the text of Spark's exception, as an executor's may be.
 *
 * @param code the stable name
 * @param message what a person reads
 */
record Failure(ErrorCode code, String message) {
  private static final Pattern QUOTED =
      Pattern.compile(
          Pattern.quote(NoisyQuantException.class.getName())
              + ": \\[([A-Z_]+)\\] (.*?)(?=\\R\\s+at |\\RCaused by: |\\R+Driver stacktrace|\\z)",
          Pattern.DOTALL);
  private static final Pattern LINKING =
      Pattern.compile(
          ".*(UnsatisfiedLinkError|Failed to load onnx-runtime library).*", Pattern.DOTALL);

  /** What the world around the program did, in the words of Spark, Hadoop and Java. */
  private static final Map<ErrorCode, Pattern> FROM_OUTSIDE = fromOutside();

  private static final int LONGEST_REASON = 200;

  private static Map<ErrorCode, Pattern> fromOutside() {
    Map<ErrorCode, Pattern> patterns = new LinkedHashMap<>();
    patterns.put(
        ErrorCode.STOPPED,
        Pattern.compile(
            "SparkContext was shut ?down|[Cc]annot call methods on a stopped SparkContext"
                + "|[Cc]ancelled as part of cancellation[^\n]*|Job \\d+ cancelled[^\n]*"
                // A query that starts while the session ends.
                + "|SparkPlan\\.session\\(\\)\" is null"));
    patterns.put(
        ErrorCode.OUT_OF_MEMORY,
        Pattern.compile(
            "OutOfMemoryError[^\n]*|[^\n:]*exceeding (?:physical |virtual )?memory limits[^\n]*"
                + "|OOMKilled|exit(?:ed with)? (?:code|status):? (?:3|52|137)\\b"));
    patterns.put(
        ErrorCode.DISK_FULL,
        Pattern.compile("No space left on device|Disk quota exceeded|File too large"));
    patterns.put(
        ErrorCode.EXECUTOR_LOST,
        Pattern.compile("ExecutorLostFailure[^\n]*|Executor heartbeat timed out[^\n]*"));
    patterns.put(
        ErrorCode.CONNECTION_LOST,
        Pattern.compile("Connection reset[^\n]*|Broken pipe|Premature end of [^\n]*"));
    return patterns;
  }

  /** The failure that an exception stands for; INTERNAL where it is none of ours. */
  static Failure of(Throwable thrown) {
    return causes(thrown)
        .filter(NoisyQuantException.class::isInstance)
        .map(NoisyQuantException.class::cast)
        .findFirst()
        .map(e -> new Failure(e.code(), e.getMessage()))
        .orElseGet(() -> quoted(thrown));
  }

  int exitCode() {
    return code.exitCode();
  }

  private static Failure quoted(Throwable thrown) {
    String texts = String.join("\n", causes(thrown).map(Throwable::toString).toList());
    Matcher matcher = QUOTED.matcher(texts);
    while (matcher.find()) {
      String name = matcher.group(1);
      if (Stream.of(ErrorCode.values()).anyMatch(code -> code.name().equals(name))) {
        return new Failure(ErrorCode.valueOf(name), matcher.group(2).strip());
      }
    }
    if (texts.contains("onnxruntime") && LINKING.matcher(texts).matches()) {
      return new Failure(ErrorCode.PLATFORM_UNSUPPORTED, OnnxRuntimeNatives.missing());
    }
    for (Map.Entry<ErrorCode, Pattern> outside : FROM_OUTSIDE.entrySet()) {
      Matcher found = outside.getValue().matcher(texts);
      if (found.find()) {
        String reason = found.group().strip();
        return fromOutside(
            outside.getKey(), reason.substring(0, Math.min(LONGEST_REASON, reason.length())));
      }
    }
    // Spark's messages go on with whole stack traces, which are printed anyway.
    String firstLine = thrown.toString().lines().findFirst().orElse("");
    return new Failure(
        ErrorCode.INTERNAL,
        "unexpected " + firstLine + "; this is a defect, please report it with the stack trace");
  }

  private static Failure fromOutside(ErrorCode code, String reason) {
    return new Failure(
        code, code.messages().get(0).replaceFirst("\\{[^}]*}", Matcher.quoteReplacement(reason)));
  }

  private static Stream<Throwable> causes(Throwable thrown) {
    // A limit, since chains of causes may be circular.
    return Stream.iterate(thrown, t -> t != null, Throwable::getCause).limit(50);
  }
}
