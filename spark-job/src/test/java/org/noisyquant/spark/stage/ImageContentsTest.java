package org.noisyquant.spark.stage;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class ImageContentsTest {
  /** Images written as name=content. */
  private static ImageContents of(String... images) {
    ImageContents.Builder contents = new ImageContents.Builder();
    for (String image : images) {
      contents.add(name(image), ImageHash.digest(content(image)));
    }
    return contents.build();
  }

  private static byte[] content(String image) {
    return image.substring(image.indexOf('=') + 1).getBytes(StandardCharsets.UTF_8);
  }

  private static String name(String image) {
    return image.substring(0, image.indexOf('='));
  }

  @Test
  void imagesThatAllDifferHaveNoCopies() {
    assertThat(of("a=1", "b=2").copies(List.of("a", "b"))).isEqualTo(new ImageCopies(0, List.of()));
  }

  @Test
  void everyCopyButTheFirstIsCountedAndNamedWithTheFirst() {
    ImageCopies copies = of("c=1", "b=2", "a=1", "d=1").copies(List.of("a", "b", "c", "d"));

    assertThat(copies).isEqualTo(new ImageCopies(2, List.of("c of a", "d of a")));
    assertThat(copies).hasToString("c of a, d of a");
  }

  @Test
  void threeExamplesAreNamedHoweverManyCopiesThereAre() {
    ImageCopies copies =
        of("a=1", "b=1", "c=1", "d=1", "e=1").copies(List.of("a", "b", "c", "d", "e"));

    assertThat(copies.count()).isEqualTo(4);
    assertThat(copies).hasToString("b of a, c of a, d of a, ...");
  }

  @Test
  void aListingMayHaveImagesThatAreNotInTheSet() {
    assertThat(of("b=1", "d=1").copies(List.of("a", "b", "c", "d")).examples())
        .containsExactly("d of b");
  }

  @Test
  void theContentsOfAnotherSetAreFoundUnderAnyName() {
    ImageContents calibration = of("x=1", "y=2", "z=3");

    assertThat(of("a=3", "b=4", "y=5", "c=3").alsoIn(calibration, List.of("a", "b", "c", "y")))
        .isEqualTo(new ImageCopies(2, List.of("a", "c")));
    assertThat(of("x=4").alsoIn(calibration, List.of("x")))
        .isEqualTo(new ImageCopies(0, List.of()));
  }

  @Test
  void orderAndMergingChangeNothing() {
    List<String> images = new ArrayList<>();
    List<String> names = new ArrayList<>();
    for (int i = 0; i < 50; i++) {
      names.add(String.format("%02d", i));
      images.add(names.get(i) + "=" + i % 37);
    }
    ImageCopies expected = of(images.toArray(new String[0])).copies(names);
    assertThat(expected.count()).isEqualTo(13);
    Collections.shuffle(images, new Random(3));
    ImageContents merged = ImageContents.NONE;
    for (int from = 0; from < 50; from += 10) {
      merged = of(images.subList(from, from + 10).toArray(new String[0])).plus(merged);
    }

    assertThat(merged.copies(names)).isEqualTo(expected);
    assertThat(merged.size()).isEqualTo(50);
  }
}
