package org.noisyquant.spark;

import static org.assertj.core.api.Assertions.assertThat;

import org.apache.spark.SparkException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
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
