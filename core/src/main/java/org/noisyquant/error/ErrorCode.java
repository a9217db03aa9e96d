package org.noisyquant.error;

/**
 * What went wrong, as a stable name for logs, {@code metrics.json} and troubleshooting, with the
 * process exit code that goes with it: 1 internal, 2 configuration, 3 input, 4 quality gate.
 */
public enum ErrorCode {
  /** A defect of this program; please report it. */
  INTERNAL(1),

  /** A configuration key or command-line flag that does not exist. */
  UNKNOWN_KEY(2),
  /** A known key with a value outside its domain. */
  INVALID_VALUE(2),
  /** A required key or flag without a value. */
  MISSING_VALUE(2),
  /** The configuration file is missing or is not HOCON. */
  CONFIG_UNREADABLE(2),
  /** ONNX Runtime has no native library for this operating system and processor. */
  PLATFORM_UNSUPPORTED(2),
  /** The executors, or this JVM, have less memory than the calibration needs. */
  PLAN_TOO_LARGE(2),
  /** The output folder holds results, or files that are not ours. */
  OUTPUT_EXISTS(2),
  /** The output folder cannot be written. */
  OUTPUT_NOT_WRITABLE(2),

  /** No file at the model path. */
  MODEL_NOT_FOUND(3),
  /** The file is no ONNX model, or is truncated or damaged. */
  MODEL_UNREADABLE(3),
  /** An ONNX model of a form that cannot be quantized here: operators, opset, inputs. */
  MODEL_UNSUPPORTED(3),
  /** A model without a layer to quantize in the chosen scope. */
  NO_QUANTIZABLE_LAYER(3),
  /** ONNX Runtime refused to load or run the model. */
  MODEL_RUN_FAILED(3),
  /** NaN or infinity in an activation. */
  NON_FINITE_ACTIVATION(3),
  /** Finite values too large for exact sums: a model has diverged. */
  SUM_OVERFLOW(3),
  /** The preprocessing configuration is missing, damaged or contradicts the model. */
  PREPROCESSING_INVALID(3),
  /** No image at the given path. */
  NO_IMAGES(3),
  /** A Parquet table without the columns of a table of images, or with one image twice. */
  IMAGE_TABLE_INVALID(3),
  /** One image cannot be decoded (quarantined, not fatal by itself). */
  IMAGE_UNREADABLE(3),
  /** More unreadable images than {@code images.maxBadFraction} allows. */
  TOO_MANY_BAD_IMAGES(3),
  /** The labels file is missing, damaged or does not match the images. */
  LABELS_INVALID(3),
  /** Stored statistics are damaged or do not fit this model and preprocessing. */
  STATISTICS_INVALID(3),

  /** A quality gate of the configuration failed; the outputs are kept. */
  GATE_FAILED(4);

  private final int exitCode;

  ErrorCode(int exitCode) {
    this.exitCode = exitCode;
  }

  /** The exit code of a process that ends with this error. */
  public int exitCode() {
    return exitCode;
  }
}
