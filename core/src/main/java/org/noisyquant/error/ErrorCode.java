package org.noisyquant.error;

import java.util.Arrays;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * What went wrong, as a stable name for logs, {@code metrics.json} and troubleshooting, with the
 * process exit code that goes with it (1 internal, 2 configuration, 3 input, 4 quality gate), and
 * the forms of its messages.
 *
 * <p>A form is text in which {@code {name}} stands for one character or more: what the message
 * names. Every message has one of the forms of its code; tests run with assertions enabled, which
 * check each message that is made.
 */
public enum ErrorCode {
  /** A defect of this program; please report it. */
  INTERNAL(1, "{what}"),
  /** Not enough memory, on an executor or on the driver. */
  OUT_OF_MEMORY(
      1,
      "out of memory ({reason}): raise spark.executor.memory and spark.executor.memoryOverhead (on"
          + " one machine: spark.driver.memory), or run fewer tasks at a time in an executor"
          + " (spark.task.cpus); the same command goes on from what was finished"),
  /** A disk is full, of an executor or of the output. */
  DISK_FULL(
      1,
      "a disk is full ({reason}): make room in the folders of spark.local.dir, or where the output"
          + " is; the same command goes on from what was finished"),
  /** A signal, a cluster or a person ended the run. */
  STOPPED(
      1,
      "the run was stopped from outside ({reason}); the same command goes on from what was"
          + " finished"),
  /** Executors died too often. */
  EXECUTOR_LOST(
      1,
      "executors were lost ({reason}): look at why in their logs; the same command goes on from"
          + " what was finished"),
  /** A file system broke off in mid-answer, and its client gave up asking again, or did not. */
  CONNECTION_LOST(
      1, "a connection was lost ({reason}); the same command goes on from what was finished"),

  /** A configuration key or command-line flag that does not exist. */
  UNKNOWN_KEY(
      2,
      "there is no key {key} ({place}); the nearest is {key}",
      "there is no {flag or command}; the nearest is {name} (see {command} --help)",
      "nothing takes the value {value} (see {command} --help)"),
  /** A known key with a value outside its domain. */
  INVALID_VALUE(
      2,
      "{key} is {value} ({place}); allowed: {values}",
      "{key} ({place}) is {what}",
      "{key} is {value}; {remedy}",
      "{key} is {value}, but {reason}; {remedy}",
      "the configuration has no value: {reason}",
      "the images {what}; {remedy}",
      "{setting}, on images: give images.path (--images) beside statistics.path, or --preset"
          + " balanced, which does without",
      "statistics.merge (--statistics) names one folder, {folder}; two or more can be merged",
      "{problem} (see {command} --help)"),
  /** A required key or flag without a value. */
  MISSING_VALUE(
      2,
      "nothing says {key} ({meaning}): give {flag}, or {key} in the file of --config",
      "{key} is {value}, but the images to evaluate on have no labels: give {key}, or put"
          + " labels.csv into their folder",
      "{key} is {value}, but there are no earlier statistics to compare with: give {key}",
      "gates are set, but there are no images to check them on: give {key}",
      "neither images nor statistics.path are given",
      "{problem} (see {command} --help)"),
  /** The configuration file is missing or is not HOCON. */
  CONFIG_UNREADABLE(
      2,
      "cannot read the configuration file {file}: {reason}; check --config",
      "the configuration file {file} is not valid HOCON: {reason}"),
  /** ONNX Runtime has no native library for this operating system and processor. */
  PLATFORM_UNSUPPORTED(
      2,
      "this jar has no working ONNX Runtime library for {system} on {processor}, only for"
          + " {systems}; run it there, or set {property} to a folder with the libraries for"
          + " this machine"),
  /** The executors, or this JVM, have less memory than the calibration needs. */
  PLAN_TOO_LARGE(
      2,
      "the pass {pass} needs about {number} MiB {where} for {number} tasks at a time ({shares}),"
          + " {which} has {number}: {remedy}",
      "the driver needs about {number} MiB of heap, and has {number}: set spark.driver.memory to"
          + " {size}"),
  /** The output folder holds results, or files that are not ours. */
  OUTPUT_EXISTS(
      2,
      "output folder {folder} holds the results of a finished run; give another folder, or"
          + " --overwrite (output.overwrite) to replace them",
      "output {path} exists and was not written by NoisyQuant; nothing in it is touched, give"
          + " a new or empty folder"),
  /** Another run is writing in the output folder. */
  OUTPUT_IN_USE(
      2,
      "output folder {folder} is another run's: {which, and what it does}; give another folder, or"
          + " wait until it ends"),
  /** The output folder cannot be written. */
  OUTPUT_NOT_WRITABLE(
      2,
      "cannot write output {path}: {reason}; check the path, its permissions and the file"
          + " system's credentials"),

  /** No file at the model path. */
  MODEL_NOT_FOUND(
      3,
      "there is no model at {path} ({reason}); check {key}",
      "model {path} {reason}. Give the path of an ONNX file (model.path)."),
  /** The file is no ONNX model, or is truncated or damaged. */
  MODEL_UNREADABLE(
      3,
      "model {path} cannot be read: {reason}. Give a complete ONNX file.",
      "model {path} cannot be read ({reason}); check {key} and the access to it",
      "model {path}: initializer {name} {reason}. Put the model's data files beside it.",
      "model {path}: {weight} {index} of layer {layer} is {value}. The file is damaged, or"
          + " its training diverged."),
  /** An ONNX model of a form that cannot be quantized here: operators, opset, inputs. */
  MODEL_UNSUPPORTED(
      3,
      "model {path} cannot be quantized: {reason}.",
      "model {name} cannot be evaluated: {reason}",
      "model {name} gives no logits for image {file}; it must have a classifier",
      "model {name} has {number} logits for image {file}, model {name} has {number}; compare"
          + " models of one classifier",
      "the model already has a tensor or node named {name}; rename it, or give the model this"
          + " one was made from.",
      "{model} has the inputs {names}; one image input is supported"),
  /** A model without a layer to quantize in the chosen scope. */
  NO_QUANTIZABLE_LAYER(
      3,
      "model {path} has {number} activation sites of linear layers, none of which is selected"
          + " ({keys}); `inspect` lists them"),
  /** ONNX Runtime refused to load or run the model. */
  MODEL_RUN_FAILED(
      3,
      "model {name} cannot be evaluated: {reason}",
      "ONNX Runtime cannot run {model}: {reason}; check that the model runs in ONNX Runtime"
          + " on its own",
      "ONNX Runtime crashed on model {name}; check the file, and that it runs in ONNX Runtime",
      "model {name} did not come back from ONNX Runtime within {seconds} s; check the file,"
          + " and that it runs in ONNX Runtime",
      "the trial of model {name} was interrupted; check the file, and that it runs in ONNX"
          + " Runtime"),
  /** NaN or infinity in an activation. */
  NON_FINITE_ACTIVATION(
      3,
      "image {file}, site {site}: {reason}; check that the FP32 model gives finite values for"
          + " this image",
      "model {name}: logit {index} of image {file} is {value}; check that the model runs in"
          + " FP32 on this image with the preprocessing it was trained with",
      "site {site}: activation is {value} in channel {index}",
      "activation is {value} in channel {index}"),
  /** Finite values too large for exact sums: a model has diverged. */
  SUM_OVERFLOW(
      3,
      "image {file}, site {site}: {reason}; check that the FP32 model gives finite values for"
          + " this image",
      "evaluation of models {names} overflows at image {file}: {reason}; its logits are too"
          + " large to be those of a working classifier",
      "merging evaluations of models {names} overflows: {reason}; their logits are too large"
          + " to be those of a working classifier",
      "{value} exceeds what {sums}; please report this"),
  /** The preprocessing configuration is missing, damaged or contradicts the model. */
  PREPROCESSING_INVALID(
      3,
      "nothing says how images are preprocessed for {model}: there is no {files} beside it;"
          + " put it there or give model.preprocessing (--preprocessing)",
      "preprocessing {file} key {key}: {reason}",
      "preprocessing {file} {reason}",
      "{file} cannot be read: {reason}; check model.preprocessing (--preprocessing)"),
  /** No image at the given path. */
  NO_IMAGES(
      3,
      "no images at {path}: {reason}. Check {key}",
      "cannot list the images at '{path}' ({reason}). Check {key} and the access to it",
      "there is no calibration image; check images.path (--images)",
      "all {number} images belong to the held-out part; give more images or lower"
          + " images.heldOutFraction",
      "models {names} were evaluated on no image; give at least one"),
  /** A Parquet table without the columns of a table of images, or with one image twice. */
  IMAGE_TABLE_INVALID(
      3,
      "the image table {path} {reason}. A table of images has the columns path (string,"
          + " unique), content (binary) and, where there are labels, label (class index, or"
          + " name); `pack` writes one. Check {key}"),
  /** One image cannot be decoded (quarantined, not fatal by itself). */
  IMAGE_UNREADABLE(
      3,
      "cannot read image {file}: {reason}. Replace or remove the file",
      "image {file} is left out: {number} processes died while they worked on it (a crash in ONNX"
          + " Runtime or a decoder, or killed from outside). Replace or remove the file",
      "none of {number} sampled images of {folder} can be read: {reasons}"),
  /** More unreadable images than {@code images.maxBadFraction} allows. */
  TOO_MANY_BAD_IMAGES(
      3,
      "{number} of {number} images cannot be read, more than images.maxBadFraction ="
          + " {fraction} allows; the first is {file}: {reason}",
      "{number} of {number} evaluation images cannot be read; the first is {file}: {reason};"
          + " images.maxBadFraction = {fraction} allows less. Replace or remove them"),
  /** Images were other ones in a later pass than in an earlier one. */
  IMAGES_CHANGED(
      3,
      "images were written, replaced or lost while they were calibrated on: the search saw others"
          + " than the statistics. Calibrate again, on files that stay"),
  /** The labels file is missing, damaged or does not match the images. */
  LABELS_INVALID(
      3,
      "cannot read the labels {file} ({reason}). Check evaluation.labels (--labels)",
      "cannot read the class list {file} ({reason}). Check evaluation.classes (--classes)",
      "{file}, line {number}: {reason}",
      "{place}: has the label '{label}'; a class index from 0 is expected, or the name of a"
          + " class of evaluation.classes (--classes)",
      "{place}: '{name}' is no class of {list}. Correct one of the two",
      "{place}: '{name}' is the name of the classes {indices} of {list}. Give the index or"
          + " the synset instead",
      "{labels} has no label for {image}. Its column file must hold paths relative to the"
          + " images' folder",
      "{labels} gives {image} the label {label}, but the model has only the classes 0 to"
          + " {number}. Give the labels that belong to this model",
      "label {label} of image {file} is no class of model {name}, which has classes 0 to"
          + " {number}; correct the labels file",
      "labels from class folders: {image} lies in {folder} itself. Move it into the folder of"
          + " its class, or give evaluation.labels (--labels)",
      "{folder} has {number} class folders, {names}: which folder is which class cannot be"
          + " told. Give the names of the classes in their order with evaluation.classes"
          + " (--classes)",
      "the column label of {table} is {type}; class indices as integers, or names as strings,"
          + " are needed",
      "class list {file} has {number} classes, but the model has {number}. Give the list that"
          + " belongs to this model (--classes)",
      "class list {file} {reason}"),
  /** Stored statistics are damaged or do not fit this model and preprocessing. */
  STATISTICS_INVALID(
      3,
      "stored {statistics} cannot be read: {reason}; calibrate again",
      "{file} is no calibration.json of format {version}: {reason}",
      "cannot merge {statistics} of {reason}",
      "no statistics at {path}: {reason}. Give the folder `statistics` of a finished calibration:"
          + " check {key}",
      "{file} {reason}; give the folder `statistics` of a finished calibration",
      "{file} cannot be read: {reason}; calibrate again, or check {key}",
      "the statistics in {folder} do not fit: {difference}. Calibrate without them, or with what"
          + " they were taken with",
      "the statistics in {folder} are incomplete: {number} of {number} sites; calibrate again",
      "stored statistics are incomplete: {number} rows for {number} sites, without sites {sites};"
          + " calibrate again",
      "{number} images are in more than one of the statistics and would count twice, such as"
          + " {image} of {folder}; merge statistics of different images only",
      "{number} of {number} images are in the earlier statistics already and would count twice,"
          + " such as {image}, which is {image} there; give only new images",
      "{moments} hold no token; calibrate with more images",
      "{number} tokens are more than a histogram counts; use fewer calibration images",
      "these are no evaluation sums of this program: {reason}; evaluate again",
      "evaluation sums cannot be merged: {reason}; evaluate again with equal settings"),

  /** A quality gate of the configuration failed; the outputs are kept. */
  GATE_FAILED(
      4,
      "{metric} is {value}, {above or below} {key} = {value}. The results are in the output folder",
      "nothing was evaluated that gates could be checked on. The results are in the output folder");

  private final int exitCode;
  private final String messages;
  private final Pattern pattern;

  ErrorCode(int exitCode, String... messages) {
    this.exitCode = exitCode;
    this.messages = String.join("\n", messages);
    this.pattern =
        Pattern.compile(
            Arrays.stream(messages).map(ErrorCode::expression).collect(Collectors.joining("|")),
            Pattern.DOTALL);
  }

  private static String expression(String form) {
    return Arrays.stream(form.split("\\{[^}]*}", -1))
        .map(text -> text.isEmpty() ? "" : Pattern.quote(text))
        .collect(Collectors.joining(".+"));
  }

  /** The exit code of a process that ends with this error. */
  public int exitCode() {
    return exitCode;
  }

  /** The forms of its messages, which troubleshooting lists in this order. */
  public List<String> messages() {
    return messages.lines().toList();
  }

  /** A regular expression that all messages of this code match, for those who search logs. */
  public Pattern pattern() {
    return pattern;
  }
}
