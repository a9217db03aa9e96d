package org.noisyquant.spark.stage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.noisyquant.error.ErrorCode;
import org.noisyquant.error.NoisyQuantException;
import org.noisyquant.spark.stage.ClassList.ClassName;

class ClassFoldersTest {
  private static final ClassList ANIMALS =
      new ClassList(
          "animals.txt",
          List.of(
              new ClassName("zebra", "n02391049"),
              new ClassName("12", ""),
              new ClassName("great white shark", "n01484850")));

  private static Map<String, Integer> labels(int classes, String... names) {
    return ClassFolders.labels(List.of(names), "photos", Optional.empty(), OptionalInt.of(classes));
  }

  private static Map<String, Integer> listed(String... names) {
    return ClassFolders.labels(
        Arrays.asList(names), "photos", Optional.of(ANIMALS), OptionalInt.of(3));
  }

  @Test
  void foldersAreNumberedByNameWhereThereIsOneForEachClass() {
    assertThat(labels(3, "dog/1.png", "ant/2.png", "dog/deep/3.png", "cat/4.png"))
        .isEqualTo(Map.of("ant/2.png", 0, "cat/4.png", 1, "dog/1.png", 2, "dog/deep/3.png", 2));
  }

  @Test
  void fewerFoldersThanClassesNeedAListOfClasses() {
    assertInvalid(
        () -> labels(4, "dog/1.png", "ant/2.png"),
        "photos has 2 class folders, from ant to dog",
        "4 classes",
        "--classes");
  }

  @Test
  void numbersAreIndicesThoughSomeAreMissing() {
    assertThat(labels(1000, "2/a.png", "10/b.png")).isEqualTo(Map.of("2/a.png", 2, "10/b.png", 10));
  }

  @Test
  void numbersThatAreNoIndicesHaveNoOrder() {
    assertInvalid(() -> labels(2, "1/a.png", "2/b.png"), "from 1 to 2", "0 to 1", "--classes");
  }

  @Test
  void aListDecidesByNameAndSynsetWhateverFoldersThereAre() {
    assertThat(listed("n01484850/a.png", "Great_White_Shark/b.png", "zebra/c.png"))
        .isEqualTo(Map.of("n01484850/a.png", 2, "Great_White_Shark/b.png", 2, "zebra/c.png", 0));
  }

  @Test
  void aNumberIsAnIndexWhereTheListHasNoSuchName() {
    assertThat(listed("12/a.png", "2/b.png")).isEqualTo(Map.of("12/a.png", 1, "2/b.png", 2));
  }

  @Test
  void aFolderThatIsNoClassIsAnError() {
    assertInvalid(
        () -> listed("zebra/a.png", "zebrra/b.png"), "photos", "'zebrra'", "nearest is 'zebra'");
  }

  @Test
  void anImageOutsideOfTheFoldersIsAnError() {
    assertInvalid(() -> labels(1, "dog/1.png", "stray.png"), "stray.png lies in photos itself");
  }

  private static void assertInvalid(ThrowingCallable reading, String... reasons) {
    assertThatThrownBy(reading)
        .isInstanceOfSatisfying(
            NoisyQuantException.class,
            e -> assertThat(e.code()).isEqualTo(ErrorCode.LABELS_INVALID))
        .hasMessageContainingAll(reasons);
  }
}
