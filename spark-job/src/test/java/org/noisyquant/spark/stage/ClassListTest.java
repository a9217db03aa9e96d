package org.noisyquant.spark.stage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.apache.hadoop.conf.Configuration;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.noisyquant.error.ErrorCode;
import org.noisyquant.error.NoisyQuantException;
import org.noisyquant.testing.TestData;

class ClassListTest {
  private static final String WHERE = "labels labels.csv, line 2";

  @TempDir Path folder;

  private ClassList list(String content) throws IOException {
    Path file = Files.writeString(folder.resolve("classes.txt"), content);
    return ClassList.read(file.toString(), new Configuration());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "\uFEFFtench\r\ngoldfish\r\n",
        "n01440764 tench\nn01443537\tgoldfish",
        "index,synset,name\n1,n01443537,goldfish\n0,n01440764,\"tench\"\n",
        "index,name\n0,tench\n1,goldfish\n",
        "[\"tench\", \"goldfish\"]",
        "{\"model_type\": \"vit\", \"id2label\": {\"1\": \"goldfish\", \"0\": \"tench\"}}",
        "{\"architecture\": \"deit\", \"label_names\": [\"tench\", \"goldfish\"]}",
        "{\"pretrained_cfg\": {\"label_names\": {\"1\": \"goldfish\", \"0\": \"tench\"}}}"
      })
  void everyFormGivesTheClassesInTheirOrder(String content) throws IOException {
    ClassList classes = list(content);

    classes.check(2);
    assertThat(classes.find("tench", WHERE)).hasValue(0);
    assertThat(classes.find("goldfish", WHERE)).hasValue(1);
    assertThat(classes.find("shark", WHERE)).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "n01440764 tench\nn01443537 goldfish",
        "n01440764\nn01443537",
        "index,synset\n0,n01440764\n1,n01443537",
        "index,synset,name\n0,n01440764,tench\n1,n01443537,goldfish",
        "{\"label_names\": [\"n01440764\", \"n01443537\"]}",
      })
  void synsetsAreNamesToo(String content) throws IOException {
    assertThat(list(content).find("n01443537", WHERE)).hasValue(1);
  }

  @Test
  void synsetsOfTimmHaveTheirDescriptionsAsNames() throws IOException {
    ClassList classes =
        list(
            "{\"label_names\": [\"n01440764\", \"n01443537\"], \"label_descriptions\":"
                + " {\"n01443537\": \"goldfish, Carassius auratus\"}}");

    assertThat(classes.find("n01440764", WHERE)).hasValue(0);
    assertThat(classes.find("n01443537", WHERE)).hasValue(1);
    assertThat(classes.find("Goldfish", WHERE)).hasValue(1);
    assertThat(classes.find("carassius_auratus", WHERE)).hasValue(1);
  }

  @Test
  void caseAndUnderscoresMatterOnlyWhereTheyDecide() throws IOException {
    ClassList classes = list("great white shark\nTiger_shark\ntiger shark");

    assertThat(classes.find("Great_White_Shark", WHERE)).hasValue(0);
    assertThat(classes.find("Tiger_shark", WHERE)).hasValue(1);
    assertThat(classes.find("tiger shark", WHERE)).hasValue(2);
    assertInvalid(() -> classes.find("TIGER SHARK", WHERE), "classes 1 and 2");
  }

  @Test
  void aPartBetweenCommasNamesAClass() throws IOException {
    ClassList classes = list("tench, Tinca tinca\nmaillot\nmaillot, tank suit");

    assertThat(classes.find("tinca_tinca", WHERE)).hasValue(0);
    assertThat(classes.find("tench", WHERE)).hasValue(0);
    assertThat(classes.find("maillot", WHERE)).hasValue(1);
    assertThat(classes.find("tank suit", WHERE)).hasValue(2);
  }

  @Test
  void aNameOfTwoClassesIsAnErrorThatSaysWhich() throws IOException {
    ClassList classes = list("crane\nheron\ncrane");

    assertInvalid(
        () -> classes.find("crane", WHERE), WHERE, "'crane'", "classes 0 and 2", "classes.txt");
  }

  @Test
  void anUnknownNameComesWithTheNearest() throws IOException {
    assertThat(list("tench, Tinca tinca\ngoldfish").unknown("tensh", WHERE))
        .hasMessageContainingAll(WHERE, "'tensh' is no class of", "classes.txt", "'tench'");
  }

  @Test
  void anotherNumberOfClassesThanTheModelsIsAnError() throws IOException {
    ClassList classes = list("tench\ngoldfish");

    assertInvalid(() -> classes.check(3), "classes.txt has 2 classes, but the model has 3");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "`` | is empty",
        "tench;;goldfish | line 2: is empty",
        "index,colour;0,red | line 1: has neither a column synset",
        "index,name;0,tench;2,goldfish | line 3: is '2,goldfish'; each of its 2 lines",
        "index,name;0,tench;0,goldfish | line 3",
        "index,synset,name;0,n01440764 | line 2",
        "{\"id2label\": {\"1\": \"tench\"}} | no name for class 0",
        "{\"label2id\": {\"tench\": 0}} | neither a list of names nor an object with id2label or label_names",
        "{\"label_names\": {\"0\": \"tench\", \"2\": \"goldfish\"}} | no name for class 1",
        "{\"id2label\": | is no JSON",
      })
  void aDamagedListIsNamed(String content, String problem) {
    assertInvalid(() -> list(content.replace(';', '\n')), "classes.txt", problem);
  }

  @Test
  void aMissingListIsNamed() {
    assertInvalid(
        () -> ClassList.read(folder.resolve("none.txt").toString(), new Configuration()),
        "none.txt",
        "--classes");
  }

  @Test
  void imageNetHasTwoCranesAndOneTench() {
    ClassList classes =
        ClassList.read(
            TestData.requireShared("imagenet/classes.json").toString(), new Configuration());

    classes.check(1000);
    assertThat(classes.find("Great_White_Shark", WHERE)).hasValue(2);
    assertInvalid(() -> classes.find("crane", WHERE), "classes 134 and 517");
    assertInvalid(() -> classes.find("maillot", WHERE), "classes 638 and 639");
  }

  private static void assertInvalid(ThrowingCallable reading, String... reasons) {
    assertThatThrownBy(reading)
        .isInstanceOfSatisfying(
            NoisyQuantException.class,
            e -> assertThat(e.code()).isEqualTo(ErrorCode.LABELS_INVALID))
        .hasMessageContainingAll(reasons);
  }
}
