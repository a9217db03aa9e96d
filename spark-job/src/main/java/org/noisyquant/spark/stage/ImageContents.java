package org.noisyquant.spark.stage;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.LongPredicate;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.noisyquant.random.SeededHash;

/**
 * The contents of some images, to find copies among them. Immutable; sets are merged in any order.
 *
 * <p>Takes 16 bytes per image, on the executors and on the driver: the first 64 bits of the
 * content's SHA-256, and a hash of the name, whose text is in the driver's listing. Naming copies
 * takes about 100 bytes more for each image that is repeated, for the time of the call. That two of
 * a million different images share their 64 bits has a probability of 3e-8.
 */
public final class ImageContents implements Serializable {
  private static final long serialVersionUID = 1L;

  /** No image. */
  static final ImageContents NONE = new ImageContents(new long[0], new long[0]);

  // Of the same images, in the same order.
  private final long[] contents;
  private final long[] names;

  private ImageContents(long[] contents, long[] names) {
    this.contents = contents;
    this.names = names;
  }

  /** Collects images; mutable, not thread-safe. */
  static final class Builder {
    private final LongStream.Builder contents = LongStream.builder();
    private final LongStream.Builder names = LongStream.builder();

    /** Adds an image by its name and the SHA-256 of its content in hexadecimal. */
    void add(String name, String digest) {
      contents.add(ImageHash.prefix(digest));
      names.add(hash(name));
    }

    ImageContents build() {
      return new ImageContents(contents.build().toArray(), names.build().toArray());
    }
  }

  /** Both together. */
  ImageContents plus(ImageContents other) {
    return new ImageContents(joined(contents, other.contents), joined(names, other.names));
  }

  /** How many images there are. */
  public int size() {
    return contents.length;
  }

  /**
   * The images that are copies of others of this set, each with that other one.
   *
   * @param listing names of these images, of which there may be more, sorted
   */
  public ImageCopies copies(List<String> listing) {
    long[] again = again();
    if (again.length == 0) {
      return new ImageCopies(0, List.of());
    }
    Map<Long, Long> contentOfName =
        contentOfName(content -> Arrays.binarySearch(again, content) >= 0);
    Map<Long, String> firsts = new HashMap<>();
    List<String> examples = new ArrayList<>();
    for (String name : listing) {
      Long content = contentOfName.get(hash(name));
      String first = content == null ? null : firsts.putIfAbsent(content, name);
      if (first != null) {
        examples.add(name + " of " + first);
        if (examples.size() == ImageCopies.EXAMPLES) {
          break;
        }
      }
    }
    return new ImageCopies(again.length, examples);
  }

  /**
   * The images of this set whose content is in another.
   *
   * @param listing names of these images, of which there may be more, sorted
   */
  public ImageCopies alsoIn(ImageContents other, List<String> listing) {
    long[] others = other.sorted();
    LongPredicate shared = content -> Arrays.binarySearch(others, content) >= 0;
    long count = LongStream.of(contents).filter(shared).count();
    if (count == 0) {
      return new ImageCopies(0, List.of());
    }
    Map<Long, Long> contentOfName = contentOfName(shared);
    return new ImageCopies(
        count,
        listing.stream()
            .filter(name -> contentOfName.containsKey(hash(name)))
            .limit(ImageCopies.EXAMPLES)
            .toList());
  }

  private Map<Long, Long> contentOfName(LongPredicate wanted) {
    Map<Long, Long> contentOfName = new HashMap<>();
    for (int i = 0; i < contents.length; i++) {
      if (wanted.test(contents[i])) {
        contentOfName.put(names[i], contents[i]);
      }
    }
    return contentOfName;
  }

  private long[] sorted() {
    long[] sorted = contents.clone();
    Arrays.sort(sorted);
    return sorted;
  }

  /** The contents that come again, as often as they do after the first time, sorted. */
  private long[] again() {
    long[] sorted = sorted();
    return IntStream.range(1, sorted.length)
        .filter(i -> sorted[i - 1] == sorted[i])
        .mapToLong(i -> sorted[i])
        .toArray();
  }

  private static long[] joined(long[] a, long[] b) {
    long[] both = Arrays.copyOf(a, a.length + b.length);
    System.arraycopy(b, 0, both, a.length, b.length);
    return both;
  }

  private static long hash(String name) {
    return SeededHash.hash(0, name);
  }
}
