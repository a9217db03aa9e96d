package org.noisyquant.spark.stage;

import java.util.Optional;
import org.noisyquant.error.ErrorCode;
import org.noisyquant.error.NoisyQuantException;

/** What a label in text stands for. */
final class LabelText {
  private static final String INDEX = "\\d{1,9}";

  private LabelText() {}

  /** Whether a text is a class index. */
  static boolean isIndex(String text) {
    return text.matches(INDEX);
  }

  /**
   * A class index.
   *
   * @param text an index from 0, or a name or synset of the classes
   * @param where the text is, for messages
   * @throws NoisyQuantException LABELS_INVALID if it is neither, or the name of several classes
   */
  static int index(String text, Optional<ClassList> classes, String where) {
    if (isIndex(text)) {
      return Integer.parseInt(text);
    }
    ClassList known =
        classes.orElseThrow(
            () ->
                new NoisyQuantException(
                    ErrorCode.LABELS_INVALID,
                    where
                        + ": has the label '"
                        + text
                        + "'; a class index from 0 is expected, or the name of a class of"
                        + " evaluation.classes (--classes)"));
    return known.find(text, where).orElseThrow(() -> known.unknown(text, where));
  }
}
