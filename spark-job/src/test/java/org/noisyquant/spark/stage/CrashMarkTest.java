package org.noisyquant.spark.stage;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

class CrashMarkTest {
  private static final String FIRST = CrashMark.process("app-1", "0");
  private static final String SECOND = CrashMark.process("app-1", "1");
  private static final String EARLIER = CrashMark.process("app-0", "0");

  private static int deaths(Set<String> living, String... processes) {
    List<CrashMark> marks =
        List.of(processes).stream().map(process -> new CrashMark("image", process)).toList();
    return CrashMark.deaths(marks, "image", living);
  }

  @Test
  void aMarkIsReadFromItsName() {
    CrashMark mark = new CrashMark("image", FIRST);

    assertThat(CrashMark.of(mark.newName())).isEqualTo(mark);
    assertThat(mark.newName()).isNotEqualTo(mark.newName());
  }

  @Test
  void everyProcessThatEndedIsADeath() {
    assertThat(deaths(Set.of(), FIRST, SECOND)).isEqualTo(2);
  }

  @Test
  void aProcessThatLivesIsNoDeath() {
    assertThat(deaths(Set.of(SECOND), FIRST, SECOND)).isEqualTo(1);
  }

  @Test
  void anExecutorOfAnEarlierRunIsNotTheOneOfTheSameIdNow() {
    assertThat(deaths(Set.of(FIRST), EARLIER, FIRST)).isEqualTo(1);
  }

  @Test
  void aProcessThatWorkedOnTwoCopiesDiedOnce() {
    assertThat(deaths(Set.of(), FIRST, FIRST)).isEqualTo(1);
  }

  @Test
  void marksOfOtherImagesAreTheirs() {
    assertThat(CrashMark.deaths(List.of(new CrashMark("other", FIRST)), "image", Set.of()))
        .isZero();
  }
}
