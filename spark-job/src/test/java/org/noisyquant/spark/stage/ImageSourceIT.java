package org.noisyquant.spark.stage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.noisyquant.error.ErrorCode;
import org.noisyquant.error.NoisyQuantException;
import org.noisyquant.spark.testing.LocalSpark;
import org.noisyquant.testing.TestData;

class ImageSourceIT {
  private static final SparkSession SPARK = LocalSpark.session();
  private static final String EVALUATION = TestData.fashion("evaluation").toString();

  @TempDir Path folder;

  @Test
  void listsImagesOfAnyCaseAndDepthAndNothingElse() throws IOException {
    place("a.PNG", "b.jpeg", "sub/deep/c.JpG", "d.gif", "e.Bmp", "f.WEBP");
    place("labels.csv", "notes.txt", "png", "sub/g.png.bak", "sub/h.json", "i.tiff");

    assertThat(list(folder).names())
        .containsExactly("a.PNG", "b.jpeg", "d.gif", "e.Bmp", "f.WEBP", "sub/deep/c.JpG");
  }

  @Test
  void hiddenFilesAndFoldersAreLeftOut() throws IOException {
    place("a.png", ".hidden.png", "_copying.png", "._a.png");
    place(".thumbnails/b.png", "_temporary/c.png", "sub/.cache/deep/d.png");

    assertThat(list(folder).names()).containsExactly("a.png");
  }

  @Test
  void aFolderWithTheNameOfAnImageIsAFolder() throws IOException {
    place("a.png/b.jpg", "a.png/labels.csv");
    Files.createDirectories(folder.resolve("empty.jpg"));

    assertThat(list(folder).names()).containsExactly("a.png/b.jpg");
  }

  @Test
  void whatAnImageIsItsContentSays() throws IOException {
    Files.write(folder.resolve("a.gif"), TestData.fashionBytes("evaluation/00001.png"));
    Files.write(folder.resolve("b.png"), "file,label".getBytes(StandardCharsets.US_ASCII));

    List<ImageFile> files = files(list(folder), 1);

    assertThat(files.get(0).decode().width()).isEqualTo(28);
    assertThatThrownBy(() -> files.get(1).decode())
        .isInstanceOfSatisfying(
            NoisyQuantException.class,
            e -> assertThat(e.code()).isEqualTo(ErrorCode.IMAGE_UNREADABLE))
        .hasMessageContaining("cannot read image b.png: it is no image of a known format");
  }

  @Test
  void namesOfAGlobAreRelativeToTheFolderBeforeIt() throws IOException {
    place("train/cat/1.png", "train/dog/2.png", "train/dog/3.jpg", "test/cat/4.png");

    ImageSource images = ImageSource.list(SPARK, folder + "/train/*/*.png");

    assertThat(images.names()).containsExactly("cat/1.png", "dog/2.png");
    assertThat(images.folder()).isEqualTo("file:" + folder + "/train");
  }

  @Test
  void pathsWithSpecialCharactersAreTakenLiterally() throws IOException {
    place("odd [1] {a}%20?/pic ture*ä[2].png", "odd 1/other.png");

    ImageSource images = list(folder.resolve("odd [1] {a}%20?"));

    assertThat(images.names()).containsExactly("pic ture*ä[2].png");
    assertThat(files(images, 1).get(0).content()).containsExactly(42);
  }

  @Test
  void aSingleFileIsAnImageOfItsFolder() {
    ImageSource images = ImageSource.list(SPARK, EVALUATION + "/00001.png");

    assertThat(images.names()).containsExactly("00001.png");
  }

  @Test
  void readsContentAndDigestOfEveryImage() {
    ImageSource images = ImageSource.list(SPARK, EVALUATION);

    List<ImageFile> files = files(images, 3);

    assertThat(files).hasSize(32).allMatch(file -> file.decode().width() == 28);
    assertThat(files).extracting(ImageFile::name).isEqualTo(images.names());
    ImageFile first = files.get(0);
    assertThat(first.path()).isEqualTo(images.folder() + "/00001.png");
    assertThat(first.content()).isEqualTo(TestData.fashionBytes("evaluation/00001.png"));
    // Of sha256sum.
    assertThat(first.digest())
        .isEqualTo("35c05dd38a83630502bce2d11cc7219b2ac0d5ebee01abc6b03baa5395308da7");
  }

  @Test
  void partitionsAreContiguousAndEvenForAnyNumber() {
    ImageSource images = ImageSource.list(SPARK, EVALUATION);

    assertThat(sizesOfPartitions(images, 7)).containsExactly(4, 5, 4, 5, 4, 5, 5);
    assertThat(sizesOfPartitions(images, 100)).hasSize(32).containsOnly(1);
    assertThat(files(images, 7)).extracting(ImageFile::name).isEqualTo(images.names());
  }

  /** Chosen by Python's hashlib, as in ImageHashTest. */
  @Test
  void aSampleHasTheNamesOfSmallestHash() {
    ImageSource images = ImageSource.list(SPARK, EVALUATION);

    assertThat(images.sample(4, 7).names())
        .containsExactly("00020.png", "00098.png", "00181.png", "00203.png");
  }

  @Test
  void aSampleDoesNotDependOnWhereTheFolderIs() throws IOException {
    ImageSource images = ImageSource.list(SPARK, EVALUATION);
    place(images.names().toArray(String[]::new));

    assertThat(list(folder).sample(9, 1).names()).isEqualTo(images.sample(9, 1).names());
  }

  @Test
  void aLargerSampleContainsTheSmaller() {
    ImageSource images = ImageSource.list(SPARK, EVALUATION);

    assertThat(images.sample(20, 5).names()).containsAll(images.sample(10, 5).names());
    assertThat(images.sample(1000, 5).names()).isEqualTo(images.names());
  }

  @Test
  void aSampleOfNothingIsRefused() {
    ImageSource images = ImageSource.list(SPARK, EVALUATION);

    assertThatThrownBy(() -> images.sample(0, 5))
        .isInstanceOfSatisfying(
            NoisyQuantException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.INVALID_VALUE))
        .hasMessageContaining("--calibration-count");
  }

  @Test
  void aFileThatVanishesAfterTheListingIsARowWithAnError() throws IOException {
    place("a.png", "b.png");
    ImageSource images = list(folder);
    Files.delete(folder.resolve("a.png"));

    List<ImageFile> files = files(images, 2);

    assertThat(files.get(0).error()).contains("a.png");
    assertThatThrownBy(() -> files.get(0).decode())
        .isInstanceOf(NoisyQuantException.class)
        .hasMessageContaining("cannot read image a.png");
    assertThat(files.get(1).error()).isNull();
  }

  @Test
  void aFolderWithoutImagesIsAnErrorThatSaysWhatWasLookedFor() throws IOException {
    place("labels.csv", "notes.txt");

    assertNoImages(
        folder.toString(), folder.toString(), "*.png, *.gif, *.bmp and *.webp", "--images");
  }

  @Test
  void aPathThatDoesNotExistIsAnError() {
    assertNoImages(folder + "/none", folder + "/none", "nothing is there");
    assertNoImages(folder + "/none/*.png", folder + "/none/*.png", "nothing is there");
  }

  @Test
  void anUnknownFileSystemIsAnErrorThatNamesThePath() {
    assertNoImages("nosuch://bucket/images", "nosuch://bucket/images", "nosuch");
  }

  @Test
  void labelsBesideTheImagesAreFound() throws IOException {
    ImageSource images = ImageSource.list(SPARK, EVALUATION);
    place("a.png");

    Labels labels =
        Labels.beside(images, SPARK.sparkContext().hadoopConfiguration(), Optional.empty())
            .orElseThrow();

    labels.check(images.names(), 10);
    assertThat(labels.label("00001.png")).hasValue(2);
    assertThat(
            Labels.beside(
                list(folder), SPARK.sparkContext().hadoopConfiguration(), Optional.empty()))
        .isEmpty();
  }

  @Test
  void classFoldersAreNumberedByName() throws IOException {
    place("dog/1.png", "ant/2.png", "dog/deep/3.png", "cat/4.png");

    Labels labels = Labels.fromFolders(list(folder), Optional.empty(), OptionalInt.of(3));

    assertThat(labels.label("ant/2.png")).hasValue(0);
    assertThat(labels.label("cat/4.png")).hasValue(1);
    assertThat(labels.label("dog/deep/3.png")).hasValue(2);
  }

  private static ImageSource list(Path path) {
    return ImageSource.list(SPARK, path.toString());
  }

  private static List<ImageFile> files(ImageSource images, int partitions) {
    return images.read(partitions).collectAsList().stream().map(ImageFile::of).toList();
  }

  private static List<Integer> sizesOfPartitions(ImageSource images, int partitions) {
    return images.read(partitions).select("name").javaRDD().glom().map(List::size).collect();
  }

  /** Files of one byte, 42. */
  private void place(String... names) throws IOException {
    for (String name : names) {
      Path file = folder.resolve(name);
      Files.createDirectories(file.getParent());
      Files.write(file, new byte[] {42});
    }
  }

  private static void assertNoImages(String path, String... reasons) {
    assertThatThrownBy(() -> ImageSource.list(SPARK, path))
        .isInstanceOfSatisfying(
            NoisyQuantException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.NO_IMAGES))
        .hasMessageContainingAll(reasons);
  }
}
