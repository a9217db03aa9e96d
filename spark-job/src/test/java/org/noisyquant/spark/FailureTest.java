package org.noisyquant.spark;

import static org.assertj.core.api.Assertions.assertThat;

import org.apache.spark.SparkException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.noisyquant.error.ErrorCode;
import org.noisyquant.error.NoisyQuantException;

class FailureTest {
  private static final String NOTHING_THERE =
      "no images at /x: nothing is there. Check images.path (--images)";

  @ParameterizedTest
  @EnumSource(ErrorCode.class)
  void everyCodeKeepsItsExitCode(ErrorCode code) {
    String why = code.messages().get(0);
    Failure failure = Failure.of(new NoisyQuantException(code, why));
    assertThat(failure).isEqualTo(new Failure(code, why));
    assertThat(failure.exitCode()).isEqualTo(code.exitCode());
  }

  @Test
  void anErrorOfOursIsFoundAmongTheCauses() {
    NoisyQuantException ours = new NoisyQuantException(ErrorCode.NO_IMAGES, NOTHING_THERE);
    assertThat(Failure.of(new SparkException("Job aborted", new RuntimeException(ours))))
        .isEqualTo(new Failure(ErrorCode.NO_IMAGES, NOTHING_THERE));
  }

  @ParameterizedTest
  @EnumSource(ErrorCode.class)
  void anErrorThatIsOnlyQuotedKeepsItsCodeAndMessage(ErrorCode code) {
    String lines = code.messages().get(0).replace("{", "a\n[b] {");
    NoisyQuantException ours = new NoisyQuantException(code, lines);
    String quote =
        "Job aborted due to stage failure: Task 3 in stage 1.0 failed 4 times, most recent failure:"
            + " Lost task 3.3 in stage 1.0 (TID 9) (10.0.0.7 executor 2): "
            + ours
            + "\n\tat org.noisyquant.X.y(X.java:1)\n\nDriver stacktrace:";
    assertThat(Failure.of(new SparkException(quote))).isEqualTo(new Failure(code, lines));
  }

  @Test
  void aQuoteInsideAnotherTraceEndsBeforeTheNextCause() {
    String refused =
        "ONNX Runtime cannot run a.onnx: bad [shape]; check that the model runs in ONNX Runtime on"
            + " its own";
    String quote =
        "Task failed: java.lang.RuntimeException: x\n\tat A.b(A.java:1)\nCaused by: "
            + new NoisyQuantException(ErrorCode.MODEL_RUN_FAILED, refused)
            + "\nCaused by: java.io.IOException: y";
    assertThat(Failure.of(new SparkException(quote)))
        .isEqualTo(new Failure(ErrorCode.MODEL_RUN_FAILED, refused));
  }

  @Test
  void anythingElseIsInternalInOneLine() {
    Failure failure = Failure.of(new IllegalStateException("why\n\tat A.b(A.java:1)"));
    assertThat(failure.message()).doesNotContain("\n");
    assertThat(failure.code()).isEqualTo(ErrorCode.INTERNAL);
    assertThat(failure.message()).contains("IllegalStateException: why").contains("report");
  }

  /** Lines of real failures, of Spark on its own, on YARN and on Kubernetes. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          OUT_OF_MEMORY | Lost task 0.3 in stage 1.0 (TID 9): java.lang.OutOfMemoryError: Java heap space
          OUT_OF_MEMORY | java.lang.OutOfMemoryError: Cannot reserve 602112 bytes of direct buffer memory (allocated: 1)
          OUT_OF_MEMORY | ExecutorLostFailure (executor 1 exited caused by one of the running tasks) Reason: Container killed by YARN for exceeding physical memory limits. 5.5 GB of 5.5 GB used
          OUT_OF_MEMORY | ExecutorLostFailure (executor 3 exited caused by one of the running tasks) Reason: Command exited with code 52
          OUT_OF_MEMORY | ExecutorLostFailure (executor 3 exited caused by one of the running tasks) Reason: Command exited with code 3
          EXECUTOR_LOST | ExecutorLostFailure (executor 3 exited caused by one of the running tasks) Reason: Command exited with code 134
          OUT_OF_MEMORY | ExecutorLostFailure (executor 3 exited caused by one of the running tasks) Reason: The executor with id 3 exited with exit code 137(SIGKILL, possible container OOM).
          DISK_FULL | java.io.IOException: No space left on device
          EXECUTOR_LOST | ExecutorLostFailure (executor 0 exited caused by one of the running tasks) Reason: Command exited with code 134
          EXECUTOR_LOST | ExecutorLostFailure (executor 2 exited caused by one of the running tasks) Reason: Remote RPC client disassociated.
          CONNECTION_LOST | java.io.UncheckedIOException: java.net.SocketException: Connection reset
          STOPPED | Job 3 cancelled because SparkContext was shut down
          STOPPED | java.lang.NullPointerException: Cannot invoke "org.apache.spark.sql.classic.SparkSession.sparkContext()" because the return value of "org.apache.spark.sql.execution.SparkPlan.session()" is null
          STOPPED | [SPARK_JOB_CANCELLED] Job 187 cancelled as part of cancellation of all jobs SQLSTATE: XXKDA
          """)
  void whatTheWorldDidIsSaidAndNotCalledADefect(ErrorCode code, String line) {
    String text = "Job aborted due to stage failure: " + line + "\nDriver stacktrace:";
    Failure failure = Failure.of(new SparkException(text));
    assertThat(failure.code()).isEqualTo(code);
    assertThat(failure.exitCode()).isEqualTo(1);
    assertThat(failure.message())
        .matches(code.pattern())
        .contains("the same command")
        .doesNotContain("\n")
        .doesNotContain("report");
  }

  @Test
  void aCircleOfCausesEnds() {
    RuntimeException one = new RuntimeException("one");
    one.initCause(new RuntimeException("two", one));
    assertThat(Failure.of(one).code()).isEqualTo(ErrorCode.INTERNAL);
  }

  @Test
  void aMissingNativeLibraryIsNamed() {
    Throwable linking = new UnsatisfiedLinkError("no onnxruntime4j_jni in java.library.path");
    Failure failure = Failure.of(new SparkException("Job aborted", linking));
    assertThat(failure.code()).isEqualTo(ErrorCode.PLATFORM_UNSUPPORTED);
    assertThat(failure.message()).contains(System.getProperty("os.arch"));
  }
}
