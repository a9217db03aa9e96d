package org.noisyquant.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.util.EnumMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.noisyquant.error.ErrorCode;
import org.noisyquant.error.NoisyQuantException;
import org.noisyquant.image.ImageForms.Form;

/** Whatever a file holds, it is a picture or a reason; and what it claims costs no memory. */
class ImageFuzzTest {
  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

  /** What 2^24 pixels, which no file has to justify, take in decoders and here. */
  private static final long MOST_BYTES = 256L << 20;

  private enum Outcome {
    DECODED,
    REFUSED
  }

  @Test
  void mutatedImagesAreDecodedOrRefused() {
    assertThat(outcomes(300, 1)).hasSize(2);
  }

  @Tag("full")
  @Test
  void thousandsOfMutatedImagesAreDecodedOrRefused() {
    assertThat(outcomes(2000, 2)).hasSize(2);
  }

  static Stream<Form> absurdSizes() {
    return ImageForms.all().stream()
        .filter(form -> form.file().matches("bomb.*|20000x20000.*|16384x16384.*"));
  }

  @ParameterizedTest
  @MethodSource("absurdSizes")
  void absurdSizesAreRefusedBeforeMemoryIsTaken(Form form) {
    outcome(form.content()); // classes are loaded

    long before = THREADS.getCurrentThreadAllocatedBytes();
    Outcome outcome = outcome(form.content());
    long taken = THREADS.getCurrentThreadAllocatedBytes() - before;

    assertThat(outcome).isEqualTo(Outcome.REFUSED);
    assertThat(taken).isLessThan(1 << 20);
  }

  @Test
  void dataBeyondTheRowsOfAPngAreNotInflated() {
    byte[] content = ImageForms.content("surplus.png"); // of 32 MiB
    outcome(content);

    long before = THREADS.getCurrentThreadAllocatedBytes();
    Outcome outcome = outcome(content);
    long taken = THREADS.getCurrentThreadAllocatedBytes() - before;

    assertThat(outcome).isEqualTo(Outcome.DECODED);
    assertThat(taken).isLessThan(1 << 20);
  }

  /** How many of the seed's first mutations end how. */
  private static Map<Outcome, Integer> outcomes(int count, long seed) {
    List<Form> forms =
        ImageForms.all().stream().filter(form -> form.content().length < 10_000).toList();
    ImageMutations mutations = new ImageMutations(forms, seed);
    Map<Outcome, Integer> outcomes = new EnumMap<>(Outcome.class);
    for (int i = 0; i < count; i++) {
      byte[] content = mutations.next();
      long before = THREADS.getCurrentThreadAllocatedBytes();
      outcomes.merge(outcome(content), 1, Integer::sum);
      long taken = THREADS.getCurrentThreadAllocatedBytes() - before;
      assertThat(taken).as("bytes for mutation %d of seed %d", i, seed).isLessThan(MOST_BYTES);
    }
    return outcomes;
  }

  private static Outcome outcome(byte[] content) {
    try {
      RgbImage image = ImageDecoder.decode(content, "mutated");
      assertThat(image.rgb()).hasSize(3 * image.width() * image.height());
      return Outcome.DECODED;
    } catch (NoisyQuantException e) {
      assertThat(e.code()).isEqualTo(ErrorCode.IMAGE_UNREADABLE);
      return Outcome.REFUSED;
    } catch (RuntimeException | StackOverflowError | OutOfMemoryError e) {
      return fail(e + " of the file " + HexFormat.of().formatHex(content), e);
    }
  }
}
