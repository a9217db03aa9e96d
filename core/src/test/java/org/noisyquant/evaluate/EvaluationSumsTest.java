package org.noisyquant.evaluate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.zip.CRC32;
import org.junit.jupiter.api.Test;
import org.noisyquant.error.ErrorCode;
import org.noisyquant.error.NoisyQuantException;

class EvaluationSumsTest {
  private static final List<String> MODELS = List.of("baseline", "noisyquant");
  private static final int REPLICATES = 50;

  private static EvaluationSums empty() {
    return EvaluationSums.empty("fp32", MODELS, REPLICATES, 42);
  }

  private static EvaluationSums sumsOf(List<ImageScore> scores) {
    EvaluationSums sums = empty();
    scores.forEach(sums::update);
    return sums;
  }

  /** Scores of random logits of very different sizes, every third image without a label. */
  private static List<ImageScore> scores(int images) {
    Random random = new Random(images);
    List<ImageScore> scores = new ArrayList<>();
    for (int i = 0; i < images; i++) {
      String image = "image-" + i + ".png";
      float[] fp32 = around(new float[10], 1, random);
      scores.add(
          ImageScore.of(
              i % 3 == 0 ? ImageScore.NO_LABEL : random.nextInt(fp32.length),
              Logits.of("fp32", image, fp32),
              List.of(
                  Logits.of("baseline", image, around(fp32, 0.5, random)),
                  Logits.of("noisyquant", image, around(fp32, 0.1, random)))));
    }
    return scores;
  }

  private static float[] around(float[] centre, double distance, Random random) {
    float[] logits = new float[centre.length];
    double size = distance * Math.exp(3 * random.nextGaussian());
    for (int i = 0; i < logits.length; i++) {
      logits[i] = (float) (centre[i] + size * random.nextGaussian());
    }
    return logits;
  }

  @Test
  void anyPartitioningOrderAndMergeTreeGivesTheSameBytes() {
    List<ImageScore> scores = scores(60);
    byte[] expected = sumsOf(scores).toBytes();
    Random random = new Random(5);
    for (int trial = 0; trial < 10; trial++) {
      Collections.shuffle(scores, random);
      List<EvaluationSums> parts = new ArrayList<>();
      int partitions = 1 + random.nextInt(9);
      for (int p = 0; p < partitions; p++) {
        parts.add(empty());
      }
      scores.forEach(score -> parts.get(random.nextInt(partitions)).update(score));
      while (parts.size() > 1) {
        EvaluationSums part = parts.remove(random.nextInt(parts.size()));
        parts.get(random.nextInt(parts.size())).merge(part);
      }
      assertThat(parts.get(0).toBytes()).isEqualTo(expected);
    }
  }

  @Test
  void mergingAnEmptyAccumulatorChangesNothing() {
    EvaluationSums sums = sumsOf(scores(5));
    byte[] before = sums.toBytes();
    sums.merge(empty());
    assertThat(sums.toBytes()).isEqualTo(before);
  }

  @Test
  void mergingIntoAnEmptyAccumulatorCopies() {
    EvaluationSums sums = sumsOf(scores(5));
    EvaluationSums copy = empty();
    copy.merge(sums);
    assertThat(copy.toBytes()).isEqualTo(sums.toBytes());
  }

  @Test
  void mergingLeavesTheOtherAccumulatorAsItIs() {
    EvaluationSums other = sumsOf(scores(5));
    byte[] before = other.toBytes();
    sumsOf(scores(3)).merge(other);
    assertThat(other.toBytes()).isEqualTo(before);
  }

  @Test
  void readingWhatWasWrittenGivesTheSameBytesAndResult() {
    EvaluationSums sums = sumsOf(scores(5));
    EvaluationSums read = EvaluationSums.fromBytes(sums.toBytes());
    assertThat(read.toBytes()).isEqualTo(sums.toBytes());
    assertThat(read.result()).isEqualTo(sums.result());
  }

  @Test
  void readSumsGoOnLikeTheOriginal() {
    List<ImageScore> scores = scores(6);
    EvaluationSums read = EvaluationSums.fromBytes(sumsOf(scores.subList(0, 3)).toBytes());
    scores.subList(3, 6).forEach(read::update);
    assertThat(read.toBytes()).isEqualTo(sumsOf(scores).toBytes());
  }

  @Test
  void sizeDoesNotGrowWithTheNumberOfImages() {
    assertThat(sumsOf(scores(60)).toBytes()).hasSameSizeAs(empty().toBytes());
  }

  @Test
  void aFlippedBitIsFound() {
    byte[] bytes = sumsOf(scores(3)).toBytes();
    for (int i = 0; i < bytes.length; i += 1 + i / 20) {
      byte[] damaged = bytes.clone();
      damaged[i] ^= 4;
      assertInvalid(damaged);
    }
  }

  @Test
  void truncatedAndExtendedBytesAreFound() {
    byte[] bytes = sumsOf(scores(3)).toBytes();
    for (int length : new int[] {0, 3, 7, 8, 15, 30, bytes.length - 1, bytes.length + 1}) {
      assertInvalid(Arrays.copyOf(bytes, length));
    }
  }

  @Test
  void aHeaderThatDoesNotFitItsLengthIsFoundInSpiteOfAValidChecksum() {
    for (int replicates : new int[] {REPLICATES + 1, 0, -1, Integer.MAX_VALUE}) {
      byte[] bytes = sumsOf(scores(3)).toBytes();
      int end = bytes.length - Long.BYTES;
      ByteBuffer forged = ByteBuffer.wrap(bytes).putInt(16, replicates);
      CRC32 crc = new CRC32();
      crc.update(bytes, 0, end);
      forged.putLong(end, crc.getValue());
      assertInvalid(bytes);
    }
  }

  private static void assertInvalid(byte[] bytes) {
    assertThatExceptionOfType(NoisyQuantException.class)
        .isThrownBy(() -> EvaluationSums.fromBytes(bytes))
        .returns(ErrorCode.STATISTICS_INVALID, NoisyQuantException::code);
  }

  @Test
  void sumsOfDifferentEvaluationsDoNotMerge() {
    List<EvaluationSums> others =
        List.of(
            EvaluationSums.empty("other", MODELS, REPLICATES, 42),
            EvaluationSums.empty("fp32", List.of("noisyquant", "baseline"), REPLICATES, 42),
            EvaluationSums.empty("fp32", MODELS, REPLICATES + 1, 42),
            EvaluationSums.empty("fp32", MODELS, REPLICATES, 43));
    for (EvaluationSums other : others) {
      assertThatExceptionOfType(NoisyQuantException.class)
          .isThrownBy(() -> empty().merge(other))
          .returns(ErrorCode.STATISTICS_INVALID, NoisyQuantException::code);
    }
  }

  @Test
  void sumsDoNotMergeWithThemselves() {
    EvaluationSums sums = empty();
    assertThatThrownBy(() -> sums.merge(sums)).isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void modelsMustComeInTheirOrder() {
    EvaluationSums swapped =
        EvaluationSums.empty("fp32", List.of("noisyquant", "baseline"), REPLICATES, 42);
    assertThatThrownBy(() -> swapped.update(scores(1).get(0)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContainingAll("image-0.png", "noisyquant", "baseline");
  }

  @Test
  void modelNamesMustDiffer() {
    assertThatThrownBy(() -> EvaluationSums.empty("fp32", List.of("fp32"), REPLICATES, 42))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("fp32");
  }

  @Test
  void logitsTooLargeToSumAreAnErrorThatNamesTheImage() {
    EvaluationSums sums = EvaluationSums.empty("fp32", List.of("w4a4"), REPLICATES, 42);
    float[] logits = {1e9f, 0};
    ImageScore huge =
        ImageScore.of(
            ImageScore.NO_LABEL,
            Logits.of("fp32", "huge.png", logits),
            List.of(Logits.of("w4a4", "huge.png", logits)));
    assertThatExceptionOfType(NoisyQuantException.class)
        .isThrownBy(() -> sums.update(huge))
        .withMessageContainingAll("huge.png", "w4a4")
        .returns(ErrorCode.SUM_OVERFLOW, NoisyQuantException::code);
  }

  @Test
  void noImagesHaveNoResult() {
    assertThatExceptionOfType(NoisyQuantException.class)
        .isThrownBy(() -> empty().result())
        .returns(ErrorCode.NO_IMAGES, NoisyQuantException::code);
  }
}
