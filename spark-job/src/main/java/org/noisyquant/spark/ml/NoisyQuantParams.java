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
  private final Param<String> statisticsPath;
  private final Param<String> referencePath;
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
  private final IntParam searchImageCount;
  private final DoubleParam tokenFraction;
  private final Param<String> searchMode;
  private final Param<String> noiseKind;
  private final BooleanParam noiseFold;
  private final BooleanParam channelRescale;
  private final DoubleParam prefixWeight;
  private final Param<String> weightRounding;
  private final BooleanParam weightCompensation;
  private final BooleanParam biasCorrection;
  private final DoubleParam damping;
  private final DoubleParam momentsTokenFraction;
  private final LongParam momentsMemory;
  private final LongParam statisticsMemory;
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
    statisticsPath =
        new Param<>(
            this, "statisticsPath", "statistics of an earlier calibration to add to; empty: none");
    referencePath =
        new Param<>(
            this,
            "referencePath",
            "statistics that ranges are compared with; empty: those of statisticsPath");
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
        choice(
            "objective",
            "where a candidate's error is measured: output or input",
            "output",
            "input");
    clipCandidates = count("clipCandidates", "clips from 1/n to 1 of the largest magnitude");
    shiftCandidates = count("shiftCandidates", "constant parts of the bias from -1 to 1 step");
    rangeCandidates = count("rangeCandidates", "amplitudes of the noise from 0 to 2 steps");
    searchImageCount =
        new IntParam(
            this,
            "searchImageCount",
            "most images of each part that candidates are scored on; 0: all",
            ParamValidators.gtEq(0));
    tokenFraction =
        new DoubleParam(
            this,
            "tokenFraction",
            "share of each image's tokens that is scored",
            ParamValidators.inRange(0, 1, false, true));
    searchMode =
        choice(
            "searchMode",
            "guided: statistics leave a short list to one image pass; grid: the paper's passes",
            "guided",
            "grid");
    noiseKind =
        choice(
            "noiseKind",
            "noise of a guided search: none, uniform, or optimized per channel",
            "none",
            "uniform",
            "optimized");
    noiseFold =
        new BooleanParam(
            this, "noiseFold", "whether noise is folded into the network where it can");
    channelRescale =
        new BooleanParam(
            this, "channelRescale", "whether a guided search may rescale channels where it folds");
    prefixWeight =
        new DoubleParam(
            this,
            "prefixWeight",
            "what a class, distillation or register token counts against a patch token; 0: measured"
                + " on the held-out images",
            ParamValidators.gtEq(0));
    weightRounding = choice("weightRounding", "how weights become codes", "minmax", "mse", "gptq");
    weightCompensation =
        new BooleanParam(
            this, "weightCompensation", "whether weights are fitted to the quantized input first");
    biasCorrection =
        new BooleanParam(this, "biasCorrection", "whether biases take off the mean output error");
    damping =
        new DoubleParam(
            this,
            "damping",
            "ridge of GPTQ and compensation, in units of the mean diagonal",
            ParamValidators.gtEq(0));
    momentsTokenFraction =
        new DoubleParam(
            this,
            "momentsTokenFraction",
            "share of each image's tokens in the Gram matrices",
            ParamValidators.inRange(0, 1, false, true));
    momentsMemory =
        new LongParam(
            this,
            "momentsMemory",
            "most bytes of Gram matrices in a task; more sites take more image passes",
            ParamValidators.gt(0));
    statisticsMemory =
        new LongParam(
            this,
            "statisticsMemory",
            "most bytes of histograms in a task; more sites take more image passes",
            ParamValidators.gt(0));
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
    setDefault(statisticsPath, "");
    setDefault(referencePath, "");
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
    setDefault(searchImageCount, 64);
    setDefault(tokenFraction, 0.1);
    setDefault(searchMode, "guided");
    setDefault(noiseKind, "optimized");
    setDefault(noiseFold, true);
    setDefault(channelRescale, true);
    setDefault(prefixWeight, 20.0);
    setDefault(weightRounding, "mse");
    setDefault(weightCompensation, false);
    setDefault(biasCorrection, true);
    setDefault(damping, 0.01);
    setDefault(momentsTokenFraction, 0.25);
    setDefault(momentsMemory, 512L << 20);
    setDefault(statisticsMemory, 2048L << 20);
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

  /** Statistics of an earlier calibration, which are added to those of the images. */
  public Param<String> statisticsPath() {
    return statisticsPath;
  }

  /** Statistics that ranges are compared with; without them those of {@link #statisticsPath()}. */
  public Param<String> referencePath() {
    return referencePath;
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

  /** Most images of each part that candidates are scored on; 0: all. */
  public IntParam searchImageCount() {
    return searchImageCount;
  }

  /** Share of each image's tokens that is scored, in (0, 1]. */
  public DoubleParam tokenFraction() {
    return tokenFraction;
  }

  /** {@code guided} or {@code grid}. */
  public Param<String> searchMode() {
    return searchMode;
  }

  /** {@code none}, {@code uniform} or {@code optimized}. */
  public Param<String> noiseKind() {
    return noiseKind;
  }

  /** Whether noise is folded into the network where it can be. */
  public BooleanParam noiseFold() {
    return noiseFold;
  }

  /** Whether a guided search may rescale channels where the network absorbs it. */
  public BooleanParam channelRescale() {
    return channelRescale;
  }

  /**
   * What a class, distillation or register token counts against a patch token. 0: measured, which
   * gives 20, or 1 where that is closer to FP32 on the held-out images.
   */
  public DoubleParam prefixWeight() {
    return prefixWeight;
  }

  /** {@code minmax}, {@code mse} or {@code gptq}. */
  public Param<String> weightRounding() {
    return weightRounding;
  }

  /** Whether weights are fitted to the quantized input before they are rounded. */
  public BooleanParam weightCompensation() {
    return weightCompensation;
  }

  /** Whether biases take off the mean error of the output. */
  public BooleanParam biasCorrection() {
    return biasCorrection;
  }

  /** Ridge of GPTQ and compensation, in units of the Gram matrix's mean diagonal. */
  public DoubleParam damping() {
    return damping;
  }

  /** Share of each image's tokens in the Gram matrices, in (0, 1]. */
  public DoubleParam momentsTokenFraction() {
    return momentsTokenFraction;
  }

  /** Most bytes of histograms in a task. */
  public LongParam statisticsMemory() {
    return statisticsMemory;
  }

  /** Most bytes of Gram matrices in a task. */
  public LongParam momentsMemory() {
    return momentsMemory;
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
          searchImageCount,
          tokenFraction,
          searchMode,
          noiseKind,
          noiseFold,
          channelRescale,
          prefixWeight,
          weightRounding,
          weightCompensation,
          biasCorrection,
          damping,
          momentsTokenFraction,
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

  private Param<String> choice(String name, String doc, String... words) {
    return new Param<>(this, name, doc, ParamValidators.inArray(words));
  }

  private IntParam count(String name, String doc) {
    return new IntParam(this, name, "number of candidates: " + doc, ParamValidators.gtEq(1));
  }
}
