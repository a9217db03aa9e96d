package org.noisyquant.spark.stage;

import java.nio.charset.StandardCharsets;
import java.util.Collection;
import java.util.Set;
import java.util.UUID;

/**
 * That a process works on an image, or died of it: the name of an empty file.
 *
 * @param digest of the image's content
 * @param process that works, or worked, on it
 */
record CrashMark(String digest, String process) {
  private static final int PROCESS_LENGTH = 16;
  private static final String SEPARATOR = "-";

  /** What a process is called; another one in each try of a run, and of each executor. */
  static String process(String application, String executor) {
    return ImageHash.digest((application + "/" + executor).getBytes(StandardCharsets.UTF_8))
        .substring(0, PROCESS_LENGTH);
  }

  /** The mark of this name. */
  static CrashMark of(String name) {
    String[] parts = name.split(SEPARATOR, 3);
    return new CrashMark(parts[0], parts.length < 2 ? "" : parts[1]);
  }

  /** A name that no other mark has: a process can work on copies of an image at a time. */
  String newName() {
    return String.join(SEPARATOR, digest, process, UUID.randomUUID().toString());
  }

  /** How many processes died while they worked on an image. */
  static int deaths(Collection<CrashMark> marks, String digest, Set<String> living) {
    return (int)
        marks.stream()
            .filter(mark -> mark.digest.equals(digest))
            .map(CrashMark::process)
            .filter(process -> !living.contains(process))
            .distinct()
            .count();
  }
}
