package org.noisyquant.spark.stage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.util.List;
import java.util.OptionalLong;
import org.apache.spark.SparkConf;
import org.junit.jupiter.api.Test;
import org.noisyquant.error.ErrorCode;
import org.noisyquant.error.NoisyQuantException;

class ExecutorMemoryTest {
  private static final long MIB = 1L << 20;

  // 500 MiB and 1000 for each task, of which 300 can spill; 400 and 100 for each beyond the heap.
  private static final MemoryPlan PLAN =
      new MemoryPlan(
          List.of(
              new PassMemory("light", 0, 0, 0, 0, 0, 0, ""),
              new PassMemory(
                  "heavy",
                  500 * MIB,
                  300 * MIB,
                  1000 * MIB,
                  50 * MIB,
                  400 * MIB,
                  100 * MIB,
                  "weights.memoryMiB")),
          0,
          0);

  /** Of which the driver has to keep 1000 MiB. */
  private static final List<PassMemory> KEEPING =
      List.of(new PassMemory("kept", 0, 0, 0, 1000 * MIB, 0, 0, ""));

  private static SparkConf conf() {
    return new SparkConf(false).set("spark.executor.cores", "4");
  }

  private static NoisyQuantException refused(ExecutorMemory memory) {
    return assertThatExceptionOfType(NoisyQuantException.class)
        .isThrownBy(() -> memory.check(PLAN))
        .actual();
  }

  @Test
  void aPlanThatFitsIsNotRefused() {
    ExecutorMemory enough = new ExecutorMemory(false, 4, 4200 * MIB, OptionalLong.of(800 * MIB));

    assertThatCode(() -> enough.check(PLAN)).doesNotThrowAnyException();
  }

  @Test
  void aPlanThatMayFitIsNotRefused() {
    ExecutorMemory nearly = new ExecutorMemory(false, 4, 3200 * MIB, OptionalLong.of(620 * MIB));

    assertThatCode(() -> nearly.check(PLAN)).doesNotThrowAnyException();
  }

  @Test
  void tooLittleHeapIsRefusedWithWhatToChange() {
    NoisyQuantException error =
        refused(new ExecutorMemory(false, 4, 2500 * MIB, OptionalLong.empty()));

    assertThat(error.code()).isEqualTo(ErrorCode.PLAN_TOO_LARGE);
    assertThat(error)
        .hasMessageContaining("pass heavy needs about 4200 MiB of heap for 4 tasks")
        .hasMessageContaining("an executor has 2500")
        .hasMessageContaining("set spark.executor.memory to 5g")
        .hasMessageContaining("spark.task.cpus so that 2 tasks run at a time")
        .hasMessageContaining("or lower weights.memoryMiB");
  }

  @Test
  void fewerTasksAreNoAdviceWhereNotEvenOneFits() {
    assertThat(refused(new ExecutorMemory(false, 4, 1000 * MIB, OptionalLong.empty())))
        .hasMessageNotContaining("spark.task.cpus");
  }

  @Test
  void aLocalHeapHoldsTheDriverToo() {
    assertThat(refused(new ExecutorMemory(true, 4, 2500 * MIB, OptionalLong.empty())))
        .hasMessageContaining("needs about 4250 MiB", "this JVM has 2500")
        .hasMessageContaining("start Java with -Xmx5g")
        .hasMessageContaining("--master local[2]");
  }

  @Test
  void tooLittleOverheadOfAContainerIsRefused() {
    assertThat(refused(new ExecutorMemory(false, 4, 9000 * MIB, OptionalLong.of(500 * MIB))))
        .hasMessageContaining("needs about 800 MiB beyond the heap")
        .hasMessageContaining("set spark.executor.memoryOverhead to 1g");
  }

  @Test
  void aDriverThatCannotHoldModelAndResultsIsRefused() {
    MemoryPlan large = new MemoryPlan(KEEPING, 3000 * MIB, 0);

    assertThatExceptionOfType(NoisyQuantException.class)
        .isThrownBy(() -> ExecutorMemory.checkDriver(large, 700 * MIB))
        .withMessageContaining("set spark.driver.memory to 3g");
  }

  @Test
  void aDriverThatCanSpillWhatItShipsIsNotRefused() {
    MemoryPlan large = new MemoryPlan(KEEPING, 3000 * MIB, 0);

    assertThatCode(() -> ExecutorMemory.checkDriver(large, 1200 * MIB)).doesNotThrowAnyException();
  }

  @Test
  void withoutAContainerNothingIsRefusedForItsOverhead() {
    ExecutorMemory standalone =
        ExecutorMemory.of(conf().set("spark.executor.memory", "5g"), "spark://host:7077", 1);

    assertThat(standalone.overhead()).isEmpty();
    assertThatCode(() -> standalone.check(PLAN)).doesNotThrowAnyException();
  }

  @Test
  void tasksAtATimeAreCoresByTaskCpus() {
    ExecutorMemory memory = ExecutorMemory.of(conf().set("spark.task.cpus", "2"), "yarn", 1);

    assertThat(memory.tasks()).isEqualTo(2);
  }

  @Test
  void overheadIsATenthOfTheHeapWhereNothingElseIsSet() {
    ExecutorMemory memory =
        ExecutorMemory.of(conf().set("spark.executor.memory", "8g"), "k8s://host", 1);

    assertThat(memory.overhead()).hasValue(819 * MIB);
  }

  @Test
  void overheadIsWhatTheSettingsSay() {
    ExecutorMemory memory =
        ExecutorMemory.of(conf().set("spark.executor.memoryOverhead", "2g"), "yarn", 1);

    assertThat(memory.heap()).isEqualTo(1024 * MIB);
    assertThat(memory.overhead()).hasValue(2048 * MIB);
  }
}
