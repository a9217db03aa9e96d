package org.noisyquant.spark.stage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.apache.spark.api.java.JavaSparkContext;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.noisyquant.error.NoisyQuantException;
import org.noisyquant.spark.testing.LocalSpark;

/** Marks that a task finds, of processes that Spark knows to live and of others. */
class CrashWatchIT {
  private static final ImageFile IMAGE = new ImageFile("a.png", "a.png", new byte[0], "abc", null);

  @TempDir Path folder;

  private CrashMarks marks;

  @BeforeEach
  void noMarks() {
    marks =
        CrashMarks.in(
            JavaSparkContext.fromSparkContext(LocalSpark.session().sparkContext()),
            new org.apache.hadoop.fs.Path(folder.toUri()),
            false);
  }

  private void diedOfIt(String executor) throws IOException {
    String process = CrashMark.process("app-of-an-earlier-run", executor);
    Files.createFile(folder.resolve(new CrashMark(IMAGE.digest(), process).newName()));
  }

  @Test
  void twoDeathsLeaveAnImageOut() throws IOException {
    diedOfIt("0");
    diedOfIt("1");

    CrashWatch watch = new CrashWatch(marks, true);

    assertThatExceptionOfType(NoisyQuantException.class)
        .isThrownBy(() -> watch.begin(IMAGE))
        .withMessageContaining("a.png is left out: 2 processes died");
  }

  @Test
  void aTryThatIsStillRunningIsNoDeath() throws IOException {
    diedOfIt("0");
    assertThat(marks.mark(IMAGE.digest())).isPresent();
    CrashWatch watch = new CrashWatch(marks, true);

    assertThatCode(() -> watch.begin(IMAGE)).doesNotThrowAnyException();

    watch.end();
    assertThat(marks.deaths(IMAGE.digest())).isEqualTo(1);
    assertThat(marks.list()).hasSize(2);
  }
}
