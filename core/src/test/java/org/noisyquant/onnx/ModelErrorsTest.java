package org.noisyquant.onnx;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import ai.onnx.proto.OnnxMl.ModelProto;
import ai.onnx.proto.OnnxMl.NodeProto;
import ai.onnx.proto.OnnxMl.StringStringEntryProto;
import ai.onnx.proto.OnnxMl.TensorProto;
import ai.onnx.proto.OnnxMl.TensorProto.DataLocation;
import ai.onnx.proto.OnnxMl.TensorProto.DataType;
import ai.onnx.proto.OnnxMl.TensorShapeProto.Dimension;
import ai.onnx.proto.OnnxMl.ValueInfoProto;
import com.google.protobuf.ByteString;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.noisyquant.error.ErrorCode;
import org.noisyquant.error.NoisyQuantException;
import org.noisyquant.graph.LinearLayer;
import org.noisyquant.testing.GraphBuilder;
import org.noisyquant.testing.TestData;

class ModelErrorsTest {
  @TempDir Path folder;

  private static GraphBuilder valid() {
    return new GraphBuilder(17).tokens().pooledHead("x");
  }

  private static NoisyQuantException refusal(byte[] bytes) {
    NoisyQuantException refusal =
        catchThrowableOfType(
            NoisyQuantException.class, () -> OnnxModel.parse(bytes, "some/model.onnx"));
    assertThat(refusal).as("the model must be refused").isNotNull();
    assertThat(refusal).hasMessageContaining("some/model.onnx");
    return refusal;
  }

  private static void refusesUnsupported(GraphBuilder builder, String... words) {
    NoisyQuantException refusal = refusal(builder.bytes());
    assertThat(refusal.code()).isEqualTo(ErrorCode.MODEL_UNSUPPORTED);
    assertThat(refusal).hasMessageContainingAll(words);
  }

  private static void refusesUnreadable(byte[] bytes, String... words) {
    NoisyQuantException refusal = refusal(bytes);
    assertThat(refusal.code()).isEqualTo(ErrorCode.MODEL_UNREADABLE);
    assertThat(refusal).hasMessageContainingAll(words);
  }

  private static Dimension.Builder dim(ValueInfoProto.Builder value, int axis) {
    return value.getTypeBuilder().getTensorTypeBuilder().getShapeBuilder().getDimBuilder(axis);
  }

  @Test
  void theModelThatTheseTestsDamageIsValid() {
    assertThat(OnnxModel.parse(valid().bytes(), "test").graph().sites()).hasSize(1);
  }

  @Test
  void aMissingFileIsNotFound() {
    Path missing = folder.resolve("none.onnx");

    NoisyQuantException refusal =
        catchThrowableOfType(NoisyQuantException.class, () -> OnnxModel.read(missing));

    assertThat(refusal.code()).isEqualTo(ErrorCode.MODEL_NOT_FOUND);
    assertThat(refusal).hasMessageContaining("none.onnx").hasMessageContaining("model.path");
  }

  @Test
  void aFolderIsNoModel() {
    NoisyQuantException refusal =
        catchThrowableOfType(NoisyQuantException.class, () -> OnnxModel.read(folder));

    assertThat(refusal.code()).isEqualTo(ErrorCode.MODEL_NOT_FOUND);
    assertThat(refusal).hasMessageContaining("is a folder");
  }

  @Test
  void anEmptyFileIsUnreadable() {
    refusesUnreadable(new byte[0], "no graph");
  }

  @ParameterizedTest
  @ValueSource(strings = {"this is no model at all", "\u0089PNG\r\n\u001a\n", "PK\u0003\u0004"})
  void anotherFormatIsUnreadable(String content) {
    refusesUnreadable(content.getBytes(StandardCharsets.ISO_8859_1), "complete ONNX file");
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 10, 100, 1000, 640_000, 1_284_000, 1_284_925})
  void aTruncatedModelIsUnreadable(int length) {
    byte[] whole = TestData.fashionBytes("fashion_vit.onnx");

    refusesUnreadable(Arrays.copyOf(whole, length), "complete ONNX file");
  }

  @Test
  void aModelWithoutOpsetIsUnreadable() {
    GraphBuilder builder = valid();
    builder.model().clearOpsetImport();

    refusesUnreadable(builder.bytes(), "no opset");
  }

  @Test
  void aWeightThatIsShorterThanItsShapeIsUnreadable() {
    ModelProto.Builder model = valid().build().toBuilder();
    TensorProto weight =
        TensorProto.newBuilder()
            .setName("head.weight")
            .setDataType(DataType.FLOAT_VALUE)
            .addDims(16)
            .addDims(5)
            .setRawData(ByteString.copyFrom(new byte[319]))
            .build();
    model.getGraphBuilder().setInitializer(1, weight);

    refusesUnreadable(model.build().toByteArray(), "head.weight", "319 bytes", "expected 320");
  }

  @Test
  void aTensorThatNothingMakesIsUnreadable() {
    refusesUnreadable(valid().node("Relu", List.of("ghost"), "y").output("y", 1).bytes(), "ghost");
  }

  @Test
  void aNodeWithoutItsInputsIsUnreadable() {
    refusesUnreadable(valid().node("MatMul", List.of("x"), "y").bytes(), "MatMul", "1 inputs");
  }

  @Test
  void aTensorThatIsMadeTwiceIsUnreadable() {
    refusesUnreadable(
        valid().node("Relu", List.of("x"), "y").node("Relu", List.of("y"), "y").bytes(),
        "makes y, which is there already");
  }

  @ParameterizedTest
  @ValueSource(longs = {-1, Long.MAX_VALUE, 1L << 40})
  void aWeightOfImpossibleShapeIsUnreadable(long dim) {
    ModelProto.Builder model = valid().build().toBuilder();
    model.getGraphBuilder().getInitializerBuilder(1).setDims(0, dim).addDims(0);

    refusesUnreadable(model.build().toByteArray(), "head.weight", "impossible shape", "" + dim);
  }

  @ParameterizedTest
  @ValueSource(floats = {Float.NaN, Float.NEGATIVE_INFINITY})
  void aWeightThatIsNoNumberIsRefusedWithItsLayer(float bad) {
    ModelProto.Builder builder = valid().build().toBuilder();
    builder.getGraphBuilder().getInitializerBuilder(1).setFloatData(7, bad);
    OnnxModel model = OnnxModel.parse(builder.build().toByteArray(), "some/model.onnx");
    LinearLayer head = model.graph().sites().get(0).layers().get(0);

    NoisyQuantException refusal =
        catchThrowableOfType(NoisyQuantException.class, () -> model.weight(head));

    assertThat(refusal.code()).isEqualTo(ErrorCode.MODEL_UNREADABLE);
    assertThat(refusal)
        .hasMessageContainingAll("some/model.onnx", "weight 7 of layer head is " + bad);
  }

  @Test
  void moreClassesThanAnArrayHoldsAreUnsupported() {
    GraphBuilder builder = valid();
    dim(builder.graph().getOutputBuilder(0), 1).setDimValue(1L << 40);

    refusesUnsupported(builder, "1099511627776 classes");
  }

  @Test
  void anImageBeyondAnyCameraIsUnsupported() {
    GraphBuilder builder = valid();
    dim(builder.graph().getInputBuilder(0), 3).setDimValue(1L << 31);

    refusesUnsupported(builder, "larger than 16384 pixels");
  }

  @Test
  void anOldOpsetIsUnsupported() {
    refusesUnsupported(new GraphBuilder(12).tokens().pooledHead("x"), "opset is 12", "opset 13");
  }

  @ParameterizedTest
  @ValueSource(strings = {"QuantizeLinear", "DequantizeLinear", "QLinearMatMul", "MatMulInteger"})
  void aQuantizedModelIsUnsupported(String operator) {
    refusesUnsupported(valid().node(operator, List.of("x"), "q"), operator, "FP32 model");
  }

  @Test
  void halfPrecisionWeightsAreUnsupported() {
    GraphBuilder builder = valid();
    builder
        .graph()
        .addInitializer(
            TensorProto.newBuilder()
                .setName("half")
                .setDataType(DataType.FLOAT16_VALUE)
                .addDims(1)
                .setRawData(ByteString.copyFrom(new byte[2])));

    refusesUnsupported(builder, "half", "FLOAT16", "FP32");
  }

  @ParameterizedTest
  @ValueSource(strings = {"Attention", "SkipLayerNormalization", "FusedMatMul"})
  void fusedOperatorsAreUnsupported(String operator) {
    GraphBuilder builder = valid();
    builder
        .graph()
        .addNode(
            NodeProto.newBuilder()
                .setDomain("com.microsoft")
                .setOpType(operator)
                .addInput("x")
                .addOutput("fused"));

    refusesUnsupported(builder, operator, "transformer optimization");
  }

  @ParameterizedTest
  @ValueSource(strings = {"RandomUniformLike", "RandomNormalLike", "Bernoulli"})
  void aModelThatIsRandomIsUnsupported(String operator) {
    refusesUnsupported(valid().node(operator, List.of("x"), "noise"), operator, "drop rates");
  }

  @Test
  void twoInputsAreUnsupported() {
    refusesUnsupported(
        valid().input("mask", DataType.FLOAT, 1, 3), "pixel_values [any, 3, 4, 4]", "mask [1, 3]");
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 4})
  void anInputWithoutThreeColoursIsUnsupported(long colours) {
    GraphBuilder builder = valid();
    dim(builder.graph().getInputBuilder(0), 1).setDimValue(colours);

    refusesUnsupported(builder, "[any, " + colours + ", 4, 4]", "[batch, 3, height, width]");
  }

  @Test
  void aDynamicImageSizeIsUnsupported() {
    GraphBuilder builder = valid();
    dim(builder.graph().getInputBuilder(0), 2).setDimParam("height");

    refusesUnsupported(builder, "height", "fixed image size");
  }

  @Test
  void aFixedBatchIsUnsupported() {
    GraphBuilder builder = valid();
    dim(builder.graph().getInputBuilder(0), 0).setDimValue(8);

    refusesUnsupported(builder, "fixed batch 8", "dynamic batch");
  }

  @Test
  void aFixedBatchOfOneIsFine() {
    GraphBuilder builder = valid();
    dim(builder.graph().getInputBuilder(0), 0).setDimValue(1);

    assertThat(OnnxModel.parse(builder.bytes(), "test").graph().classes()).isEqualTo(5);
  }

  @Test
  void aModelWithoutLogitsIsUnsupported() {
    GraphBuilder builder = new GraphBuilder(17).tokens().output("x", GraphBuilder.ANY, 3, 16);

    refusesUnsupported(builder, "x [any, 3, 16]", "classifier");
  }

  private ModelProto withExternalHead(String location, long offset, long length) {
    ModelProto.Builder model = valid().build().toBuilder();
    TensorProto.Builder weight = model.getGraphBuilder().getInitializerBuilder(1);
    assertThat(weight.getName()).isEqualTo("head.weight");
    weight.clearFloatData().setDataLocation(DataLocation.EXTERNAL);
    weight.addExternalData(entry("location", location));
    weight.addExternalData(entry("offset", Long.toString(offset)));
    weight.addExternalData(entry("length", Long.toString(length)));
    return model.build();
  }

  private static StringStringEntryProto entry(String key, String value) {
    return StringStringEntryProto.newBuilder().setKey(key).setValue(value).build();
  }

  @Test
  void weightsInAFileBesideTheModelAreRead() throws IOException {
    byte[] content = new byte[8 + 320];
    content[8 + 2] = (byte) 0x80;
    content[8 + 3] = 0x3f;
    Files.write(folder.resolve("weights.bin"), content);
    Path file = folder.resolve("model.onnx");
    Files.write(file, withExternalHead("weights.bin", 8, 320).toByteArray());

    OnnxModel model = OnnxModel.read(file);

    LinearLayer head = model.graph().sites().get(0).layers().get(0);
    assertThat(model.weight(head)[0]).isEqualTo(1f);
    assertThat(OnnxModel.parse(model.file().bytes(), "inlined").sha256()).isEqualTo(model.sha256());
  }

  @ParameterizedTest
  @ValueSource(strings = {"../weights.bin", "/etc/passwd", ""})
  void weightsOutsideTheModelsFolderAreRefused(String location) throws IOException {
    Path inside = Files.createDirectory(folder.resolve("inside"));
    Files.write(folder.resolve("weights.bin"), new byte[320]);
    Path file = inside.resolve("model.onnx");
    Files.write(file, withExternalHead(location, 0, 320).toByteArray());

    NoisyQuantException refusal =
        catchThrowableOfType(NoisyQuantException.class, () -> OnnxModel.read(file));

    assertThat(refusal.code()).isEqualTo(ErrorCode.MODEL_UNREADABLE);
    assertThat(refusal).hasMessageContainingAll("head.weight", "outside the model's folder");
  }

  @ParameterizedTest
  @CsvSource({"-1, 320", "0, 1000", "321, 0", "9223372036854775807, 320", "320, -320"})
  void weightsOutsideTheirFileAreUnreadable(long offset, long length) throws IOException {
    Files.write(folder.resolve("weights.bin"), new byte[320]);
    Path file = folder.resolve("model.onnx");
    Files.write(file, withExternalHead("weights.bin", offset, length).toByteArray());

    NoisyQuantException refusal =
        catchThrowableOfType(NoisyQuantException.class, () -> OnnxModel.read(file));

    assertThat(refusal.code()).isEqualTo(ErrorCode.MODEL_UNREADABLE);
    assertThat(refusal).hasMessageContaining("head.weight");
  }

  @Test
  void aWeightFileThatIsMissingIsUnreadable() throws IOException {
    Path file = folder.resolve("model.onnx");
    Files.write(file, withExternalHead("weights.bin", 0, 320).toByteArray());

    NoisyQuantException refusal =
        catchThrowableOfType(NoisyQuantException.class, () -> OnnxModel.read(file));

    assertThat(refusal.code()).isEqualTo(ErrorCode.MODEL_UNREADABLE);
    assertThat(refusal).hasMessageContainingAll("head.weight", "weights.bin", "beside it");
  }

  @Test
  void aWeightFileThatIsTooShortIsUnreadable() throws IOException {
    Files.write(folder.resolve("weights.bin"), new byte[100]);
    Path file = folder.resolve("model.onnx");
    Files.write(file, withExternalHead("weights.bin", 0, 320).toByteArray());

    NoisyQuantException refusal =
        catchThrowableOfType(NoisyQuantException.class, () -> OnnxModel.read(file));

    assertThat(refusal.code()).isEqualTo(ErrorCode.MODEL_UNREADABLE);
    assertThat(refusal).hasMessageContainingAll("head.weight", "weights.bin", "100");
  }

  @Test
  void weightsInOtherFilesNeedAFolder() {
    NoisyQuantException refusal = refusal(withExternalHead("weights.bin", 0, 320).toByteArray());

    assertThat(refusal.code()).isEqualTo(ErrorCode.MODEL_UNSUPPORTED);
  }
}
