package org.noisyquant.spark;

import java.util.EnumSet;
import java.util.List;
import java.util.Set;

/** {@code evaluate}: compares quantized models with the FP32 model. */
final class EvaluateCommand {
  private static final String HELP =
      "Compares quantized models with the FP32 model on images: agreement, KL divergence, SQNR,"
          + " and accuracy where there are labels.";

  private static final List<JobKey> KEYS =
      List.of(
          JobKey.MODEL_PATH,
          JobKey.EVALUATION_MODELS,
          JobKey.PREPROCESSING,
          JobKey.IMAGES_PATH,
          JobKey.EVALUATION_LABELS,
          JobKey.EVALUATION_CLASSES,
          JobKey.OUTPUT_PATH,
          JobKey.OUTPUT_OVERWRITE,
          JobKey.SEED,
          JobKey.PARTITIONS);
  private static final Set<JobKey> REQUIRED =
      EnumSet.of(
          JobKey.MODEL_PATH, JobKey.EVALUATION_MODELS, JobKey.IMAGES_PATH, JobKey.OUTPUT_PATH);

  private EvaluateCommand() {}

  /** The command around its work. */
  static JobCommand of(JobStep step) {
    return new StepCommand("evaluate", HELP, KEYS, REQUIRED, step);
  }
}
