package org.noisyquant.evaluate;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/** {@link EvaluationResult} as an aligned plain-ASCII table. */
final class EvaluationText {
  private static final List<String> HEADER =
      List.of("model", "top-1 %", "top-5 %", "agreement %", "KL nats", "SQNR dB");
  private static final String UNKNOWN = "-";

  private EvaluationText() {}

  static String of(EvaluationResult result) {
    StringBuilder text = new StringBuilder();
    text.append(
        String.format(
            Locale.ROOT,
            "%d images, %d with labels; 95 %% intervals of %d bootstrap replicates in brackets\n\n",
            result.images(),
            result.labelledImages(),
            result.replicates()));
    List<List<String>> rows = new ArrayList<>();
    rows.add(HEADER);
    Optional<Accuracy> reference = result.referenceAccuracy();
    rows.add(
        List.of(
            result.reference(),
            top1(reference, "%.1f"),
            top5(reference, "%.1f"),
            UNKNOWN,
            UNKNOWN,
            UNKNOWN));
    result.compared().forEach(score -> rows.add(row(score)));
    result.differences().forEach(difference -> rows.add(row(difference)));
    appendTable(text, rows);
    for (PairedDifference difference : result.differences()) {
      text.append(
          String.format(
              "\n%s against %s, paired on the same images: KL gain %s %%",
              difference.model(), difference.baseline(), cell(difference.klGain(), "%+.1f", 100)));
    }
    return text.append(result.differences().isEmpty() ? "" : "\n").toString();
  }

  private static List<String> row(ModelScore score) {
    return List.of(
        score.model(),
        top1(score.accuracy(), "%.1f"),
        top5(score.accuracy(), "%.1f"),
        cell(score.agreement(), "%.1f", 100),
        cell(score.kl(), "%.3g", 1),
        cell(score.sqnrDb(), "%.2f", 1));
  }

  private static List<String> row(PairedDifference difference) {
    return List.of(
        difference.model() + " - " + difference.baseline(),
        top1(difference.accuracy(), "%+.1f"),
        top5(difference.accuracy(), "%+.1f"),
        cell(difference.agreement(), "%+.1f", 100),
        cell(difference.kl(), "%+.3g", 1),
        cell(difference.sqnrDb(), "%+.2f", 1));
  }

  private static String top1(Optional<Accuracy> accuracy, String format) {
    return accuracy.map(value -> cell(value.top1(), format, 100)).orElse(UNKNOWN);
  }

  private static String top5(Optional<Accuracy> accuracy, String format) {
    return accuracy.map(value -> cell(value.top5(), format, 100)).orElse(UNKNOWN);
  }

  private static String cell(Estimate estimate, String format, double unit) {
    return number(format, estimate.value() * unit)
        + " ["
        + number(format, estimate.low() * unit)
        + ", "
        + number(format, estimate.high() * unit)
        + "]";
  }

  private static String number(String format, double value) {
    if (Double.isInfinite(value)) {
      return value > 0 ? "inf" : "-inf";
    }
    return String.format(Locale.ROOT, format, value);
  }

  /** First column to the left, the others to the right, two spaces between columns. */
  private static void appendTable(StringBuilder text, List<List<String>> rows) {
    int[] widths = new int[rows.get(0).size()];
    for (List<String> row : rows) {
      for (int c = 0; c < widths.length; c++) {
        widths[c] = Math.max(widths[c], row.get(c).length());
      }
    }
    for (List<String> row : rows) {
      StringBuilder line = new StringBuilder();
      for (int c = 0; c < widths.length; c++) {
        String padding = " ".repeat(widths[c] - row.get(c).length());
        line.append(c == 0 ? row.get(c) + padding : "  " + padding + row.get(c));
      }
      text.append(line.toString().stripTrailing()).append("\n");
    }
  }
}
