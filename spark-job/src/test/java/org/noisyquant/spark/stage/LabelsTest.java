package org.noisyquant.spark.stage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.hadoop.conf.Configuration;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.noisyquant.error.ErrorCode;
import org.noisyquant.error.NoisyQuantException;
import org.noisyquant.spark.stage.ClassList.ClassName;
import org.noisyquant.testing.TestData;

class LabelsTest {
  private static final Configuration CONFIGURATION = new Configuration();

  private static final ClassList FISH =
      new ClassList(
          "fish.txt",
          List.of(new ClassName("tench", "n01440764"), new ClassName("goldfish", "n01443537")));

  @TempDir Path folder;

  @Test
  void readsTheLabelsOfAFolder() {
    Labels labels =
        Labels.read(TestData.fashion("evaluation").toString(), CONFIGURATION, Optional.empty());

    assertThat(labels.size()).isEqualTo(32);
    assertThat(labels.label("00001.png")).hasValue(2);
    assertThat(labels.label("99999.png")).isEmpty();
  }

  @Test
  void readsQuotesFurtherColumnsWindowsLinesAndAByteOrderMark() throws IOException {
    Labels labels =
        labels("\uFEFFfile,label,synset\r\n\"a, \"\"b\"\".png\",3,n01\r\n\r\nsub/c.png, 4\r\n");

    assertThat(labels.label("a, \"b\".png")).hasValue(3);
    assertThat(labels.label("sub/c.png")).hasValue(4);
    assertThat(labels.size()).isEqualTo(2);
  }

  @Test
  void aLabelIsAnIndexANameOrASynset() throws IOException {
    Labels labels =
        labels(
            "file,label,synset\na.png,1,\nb.png,n01440764,\nc.png,GOLDFISH,\nd.png,tench,n1",
            Optional.of(FISH));

    assertThat(List.of("a.png", "b.png", "c.png", "d.png"))
        .map(name -> labels.label(name).orElseThrow())
        .containsExactly(1, 0, 1, 0);
  }

  @Test
  void anUnknownLabelIsNamedWithFileLineAndTheNearestClass() {
    assertInvalid(
        () -> labels("file,label\na.png,1\nb.png,tensh", Optional.of(FISH)),
        "labels.csv, line 3: 'tensh' is no class of fish.txt",
        "'tench'");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "name,label;a.png,1 | line 1 | file,label",
        "file,label;a.png,1;b.png,-1 | line 3 | class index",
        "file,label;a.png,cat | line 2 | 'cat'",
        "file,label;a.png,cat | line 2 | --classes",
        "file,label;a.png,1;b.png | line 3 | file,label is expected",
        "file,label;a.png,1;a.png,2 | line 3 | an earlier line gives 1",
        "file,label | line 1 | no labels"
      })
  void aBadLineIsNamed(String lines, String line, String problem) {
    assertInvalid(() -> labels(lines.replace(';', '\n')), "labels.csv", line, problem);
  }

  @Test
  void aMissingFileIsNamed() {
    assertInvalid(
        () -> Labels.read(folder.resolve("none.csv").toString(), CONFIGURATION, Optional.empty()),
        "none.csv",
        "--labels");
  }

  @Test
  void anImageWithoutLabelIsNamed() {
    Labels labels = new Labels("labels.csv", Map.of("a.png", 1));

    assertInvalid(
        () -> labels.check(List.of("a.png", "b.png", "c.png"), 10), "b.png and 1 more images");
  }

  @Test
  void aLabelThatTheModelDoesNotHaveIsNamed() {
    Labels labels = new Labels("labels.csv", Map.of("a.png", 9, "b.png", 10));

    labels.check(List.of("a.png"), 10);
    assertInvalid(() -> labels.check(List.of("a.png", "b.png"), 10), "b.png", "10", "0 to 9");
  }

  private Labels labels(String content) throws IOException {
    return labels(content, Optional.empty());
  }

  private Labels labels(String content, Optional<ClassList> classes) throws IOException {
    Path file = Files.writeString(folder.resolve("labels.csv"), content);
    return Labels.read(file.toString(), CONFIGURATION, classes);
  }

  private static void assertInvalid(ThrowingCallable reading, String... reasons) {
    assertThatThrownBy(reading)
        .isInstanceOfSatisfying(
            NoisyQuantException.class,
            e -> assertThat(e.code()).isEqualTo(ErrorCode.LABELS_INVALID))
        .hasMessageContainingAll(reasons);
  }
}
