package org.noisyquant.spark.ml;

import java.util.SortedMap;
import java.util.TreeMap;
import org.apache.spark.ml.Estimator;
import org.apache.spark.ml.param.BooleanParam;
import org.apache.spark.ml.param.DoubleParam;
import org.apache.spark.ml.param.IntParam;
import org.apache.spark.ml.param.LongParam;
import org.apache.spark.ml.param.Param;
import org.apache.spark.ml.param.ParamValidators;
import org.apache.spark.ml.param.StringArrayParam;

/** The parameters of {@link NoisyQuant}; each is explained by {@code explainParams()}. */
public abstract class NoisyQuantParams extends Estimator<NoisyQuantModel> {
  private static final long serialVersionUID = 1L;

  private final String uid;
  private final Param<String> modelPath;
  private final Param<String> preprocessingPath;
  private final IntParam prefixTokens;
  private final IntParam weightBits;
  private final IntParam activationBits;
  private final IntParam edgeBits;
  private final BooleanParam head;
  private final BooleanParam reduceRange;
  private final StringArrayParam include;
  private final StringArrayParam exclude;
  private final Param<String> objective;
  private final IntParam clipCandidates;
  private final IntParam shiftCandidates;
  private final IntParam rangeCandidates;
  private final DoubleParam tokenFraction;
  private final DoubleParam heldOutFraction;
  private final DoubleParam maxBadFraction;
  private final LongParam seed;
  private final Param<String> nameCol;
  private final Param<String> contentCol;
  private final Param<String> predictionCol;
  private final Param<String> fp32PredictionCol;

  NoisyQuantParams(String uid) {
    // Params read their parent's uid when they are made.
    this.uid = uid;
    modelPath = new Param<>(this, "modelPath", "FP32 ONNX model, any Hadoop path");
    preprocessingPath =
        new Param<>(
            this,
            "preprocessingPath",
            "preprocessor_config.json or timm config.json; empty: the one beside the model");
    prefixTokens =
        new IntParam(
            this,
            "prefixTokens",
            "class, distillation and register tokens of each image; -1: traced in the model",
            ParamValidators.gtEq(-1));
    weightBits = bits("weightBits", "bits of the weights, per output channel");
    activationBits = bits("activationBits", "bits of the activations, per tensor");
    edgeBits = bits("edgeBits", "bits of weights and activations of the classifier");
    head = new BooleanParam(this, "head", "whether the classifier is quantized");
    reduceRange = new BooleanParam(this, "reduceRange", "7-bit weights in place of 8-bit weights");
    include =
        new StringArrayParam(this, "include", "glob patterns on site names; empty: all sites");
    exclude = new StringArrayParam(this, "exclude", "glob patterns on site names; wins");
    objective =
        new Param<>(
            this,
            "objective",
            "where a candidate's error is measured: output or input",
            ParamValidators.inArray(new String[] {"output", "input"}));
    clipCandidates = count("clipCandidates", "clips from 1/n to 1 of the largest magnitude");
    shiftCandidates = count("shiftCandidates", "constant parts of the bias from -1 to 1 step");
    rangeCandidates = count("rangeCandidates", "amplitudes of the noise from 0 to 2 steps");
    tokenFraction =
        new DoubleParam(
            this,
            "tokenFraction",
            "share of each image's tokens that is scored",
            ParamValidators.inRange(0, 1, false, true));
    heldOutFraction =
        new DoubleParam(
            this,
            "heldOutFraction",
            "share of the images that choices are checked on",
            ParamValidators.inRange(0, 1, true, false));
    maxBadFraction =
        new DoubleParam(
            this,
            "maxBadFraction",
            "share of unreadable images above which fit fails",
            ParamValidators.inRange(0, 1));
    seed = new LongParam(this, "seed", "seed of noise, held-out part and tokens");
    nameCol = new Param<>(this, "nameCol", "column with the unique name of an image, string");
    contentCol = new Param<>(this, "contentCol", "column with the image file, binary");
    predictionCol =
        new Param<>(this, "predictionCol", "added by the model: class by the quantized model");
    fp32PredictionCol =
        new Param<>(this, "fp32PredictionCol", "added by the model: class by the FP32 model");

    setDefault(preprocessingPath, "");
    setDefault(prefixTokens, -1);
    setDefault(weightBits, 8);
    setDefault(activationBits, 8);
    setDefault(edgeBits, 8);
    setDefault(head, false);
    setDefault(reduceRange, false);
    setDefault(include, new String[0]);
    setDefault(exclude, new String[0]);
    setDefault(objective, "output");
    setDefault(clipCandidates, 100);
    setDefault(shiftCandidates, 40);
    setDefault(rangeCandidates, 50);
    setDefault(tokenFraction, 0.1);
    setDefault(heldOutFraction, 0.125);
    setDefault(maxBadFraction, 0.05);
    setDefault(seed, 0L);
    setDefault(nameCol, "name");
    setDefault(contentCol, "content");
    setDefault(predictionCol, "prediction");
    setDefault(fp32PredictionCol, "fp32Prediction");
  }

  @Override
  public String uid() {
    return uid;
  }

  /** FP32 ONNX model, any Hadoop path. Required. */
  public Param<String> modelPath() {
    return modelPath;
  }

  /** preprocessor_config.json or timm config.json; empty: the one beside the model. */
  public Param<String> preprocessingPath() {
    return preprocessingPath;
  }

  /** Class, distillation and register tokens of each image; −1: traced in the model. */
  public IntParam prefixTokens() {
    return prefixTokens;
  }

  /** Bits of the weights, 2 to 8. */
  public IntParam weightBits() {
    return weightBits;
  }

  /** Bits of the activations, 2 to 8. */
  public IntParam activationBits() {
    return activationBits;
  }

  /** Bits of weights and activations of the classifier, 2 to 8. */
  public IntParam edgeBits() {
    return edgeBits;
  }

  /** Whether the classifier is quantized. */
  public BooleanParam head() {
    return head;
  }

  /** 7-bit weights in place of 8-bit weights. */
  public BooleanParam reduceRange() {
    return reduceRange;
  }

  /** Glob patterns on site names; empty: all sites. */
  public StringArrayParam include() {
    return include;
  }

  /** Glob patterns on site names that stay FP32. */
  public StringArrayParam exclude() {
    return exclude;
  }

  /** {@code output} or {@code input}. */
  public Param<String> objective() {
    return objective;
  }

  /** Number of clips, 1 or more. */
  public IntParam clipCandidates() {
    return clipCandidates;
  }

  /** Number of shifts, 1 or more. */
  public IntParam shiftCandidates() {
    return shiftCandidates;
  }

  /** Number of ranges, 1 or more. */
  public IntParam rangeCandidates() {
    return rangeCandidates;
  }

  /** Share of each image's tokens that is scored, in (0, 1]. */
  public DoubleParam tokenFraction() {
    return tokenFraction;
  }

  /** Share of the images that choices are checked on, in [0, 1). */
  public DoubleParam heldOutFraction() {
    return heldOutFraction;
  }

  /** Share of unreadable images above which fit fails, in [0, 1]. */
  public DoubleParam maxBadFraction() {
    return maxBadFraction;
  }

  /** Seed of noise, held-out part and tokens. */
  public LongParam seed() {
    return seed;
  }

  /** Column with the unique name of an image. */
  public Param<String> nameCol() {
    return nameCol;
  }

  /** Column with the bytes of the image file. */
  public Param<String> contentCol() {
    return contentCol;
  }

  /** Column that the model adds: class by the quantized model. */
  public Param<String> predictionCol() {
    return predictionCol;
  }

  /** Column that the model adds: class by the FP32 model. */
  public Param<String> fp32PredictionCol() {
    return fp32PredictionCol;
  }

  /** Value of a parameter of any type. */
  <T> T value(Param<?> param, Class<T> type) {
    return type.cast(getOrDefault(param));
  }

  /** The parameters that results depend on, by name; the inputs themselves are known by content. */
  SortedMap<String, Object> resultParams() {
    SortedMap<String, Object> values = new TreeMap<>();
    for (Param<?> param :
        new Param<?>[] {
          prefixTokens,
          weightBits,
          activationBits,
          edgeBits,
          head,
          reduceRange,
          include,
          exclude,
          objective,
          clipCandidates,
          shiftCandidates,
          rangeCandidates,
          tokenFraction,
          heldOutFraction,
          seed
        }) {
      values.put(param.name(), getOrDefault(param));
    }
    return values;
  }

  private IntParam bits(String name, String doc) {
    return new IntParam(this, name, doc + ", 2 to 8", ParamValidators.inRange(2, 8));
  }

  private IntParam count(String name, String doc) {
    return new IntParam(this, name, "number of candidates: " + doc, ParamValidators.gtEq(1));
  }
}
