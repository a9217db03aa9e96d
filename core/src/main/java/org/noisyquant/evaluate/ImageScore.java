package org.noisyquant.evaluate;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.noisyquant.error.ErrorCode;
import org.noisyquant.error.NoisyQuantException;

/**
 * All that evaluation keeps of one image.
 *
 * @param image its name; the bootstrap weights are drawn from it
 * @param labelled whether its class is known
 * @param top1 whether the label is the largest FP32 logit; false without a label
 * @param top5 whether the label is among the five largest FP32 logits; false without a label
 * @param confidence the largest FP32 softmax probability, above 0 to 1
 * @param signal Σ z² of the FP32 logits z
 * @param compared the quantized models, in order
 */
public record ImageScore(
    String image,
    boolean labelled,
    boolean top1,
    boolean top5,
    double confidence,
    double signal,
    List<LogitComparison> compared) {

  /** The label of an image whose class is not known. */
  public static final int NO_LABEL = -1;

  /** Checks that correctness is only claimed for labelled images. */
  public ImageScore {
    Objects.requireNonNull(image);
    compared = List.copyOf(compared);
    boolean claims = top1 || top5 || compared.stream().anyMatch(LogitComparison::top5);
    if (!(signal >= 0 && signal < Double.POSITIVE_INFINITY)
        || !(confidence > 0 && confidence <= 1)
        || (top1 && !top5)
        || (claims && !labelled)) {
      throw new IllegalArgumentException(
          String.format(
              "image %s: signal %s, confidence %s, top-1 %s, top-5 %s, labelled %s, %s",
              image, signal, confidence, top1, top5, labelled, compared));
    }
  }

  /**
   * Compares the logits of one image.
   *
   * @param label its class, from 0, or {@link #NO_LABEL}
   * @param fp32 logits of the reference
   * @param quantized logits of the models to compare with it, in order
   * @throws NoisyQuantException LABELS_INVALID for a label that is no class, MODEL_UNSUPPORTED
   *     where the models differ in classes
   */
  public static ImageScore of(int label, Logits fp32, List<Logits> quantized) {
    String image = fp32.image();
    if (label < NO_LABEL || label >= fp32.classes()) {
      throw new NoisyQuantException(
          ErrorCode.LABELS_INVALID,
          String.format(
              "label %d of image %s is no class of model %s, which has classes 0 to %d; correct"
                  + " the labels file",
              label, image, fp32.model(), fp32.classes() - 1));
    }
    List<LogitComparison> compared = new ArrayList<>(quantized.size());
    for (Logits logits : quantized) {
      if (!logits.image().equals(image)) {
        throw new IllegalArgumentException(
            "logits of images " + image + " and " + logits.image() + " are not comparable");
      }
      compared.add(LogitComparison.of(fp32, logits, label));
    }
    return new ImageScore(
        image,
        label != NO_LABEL,
        label != NO_LABEL && fp32.amongTop(1, label),
        label != NO_LABEL && fp32.amongTop(5, label),
        fp32.confidence(),
        fp32.signal(),
        compared);
  }
}
