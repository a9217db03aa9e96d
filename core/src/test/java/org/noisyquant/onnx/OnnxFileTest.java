package org.noisyquant.onnx;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import ai.onnx.proto.OnnxMl.ModelProto;
import ai.onnx.proto.OnnxMl.StringStringEntryProto;
import ai.onnx.proto.OnnxMl.TensorProto;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.noisyquant.error.ErrorCode;
import org.noisyquant.error.NoisyQuantException;
import org.noisyquant.graph.ActivationSite;
import org.noisyquant.graph.LinearLayer;
import org.noisyquant.testing.TestData;

/** A small model with a limit as if it were a large one. */
class OnnxFileTest {
  private static final Path VIT = TestData.fashion("fashion_vit.onnx");
  private static final int LIMIT = 100_000;
  private static final int PAGE = 4096;

  @TempDir Path folder;

  private OnnxModel model;
  private Path written;

  @BeforeEach
  void write() throws IOException {
    model = OnnxModel.read(VIT, LIMIT);
    written = folder.resolve("large.onnx");
    model.file().write(written);
  }

  private static List<String> tensors(OnnxModel model) {
    return model.graph().sites().stream().map(ActivationSite::tensor).toList();
  }

  private static Map<String, String> place(TensorProto tensor) {
    return tensor.getExternalDataList().stream()
        .collect(
            Collectors.toMap(StringStringEntryProto::getKey, StringStringEntryProto::getValue));
  }

  @Test
  void aModelWithinTheLimitStaysTheFileThatItWas() throws IOException {
    OnnxFile file = OnnxModel.read(VIT, Files.size(VIT)).file();

    assertThat(file.hasData()).isFalse();
    assertThat(file.bytes()).isEqualTo(Files.readAllBytes(VIT));
    assertThat(file.size()).isEqualTo(Files.size(VIT));
  }

  @Test
  void aModelBeyondTheLimitHasItsLargeTensorsInADataFileBesideIt() throws IOException {
    assertThat(folder).isDirectoryContaining("glob:**/large.onnx.data");
    assertThat(Files.size(written)).isLessThan(LIMIT);
    assertThat(Files.size(written) + Files.size(folder.resolve("large.onnx.data")))
        .isBetween(Files.size(VIT), Files.size(VIT) * 5 / 4);
  }

  @Test
  void itsTensorsAreAtMultiplesOfAPageOneBehindTheOther() throws IOException {
    ModelProto graph = ModelProto.parseFrom(Files.readAllBytes(written));
    List<TensorProto> external = new ArrayList<>();
    for (TensorProto tensor : graph.getGraph().getInitializerList()) {
      if (ExternalTensors.isExternal(tensor)) {
        external.add(tensor);
      }
    }

    long end = 0;
    for (TensorProto tensor : external) {
      Map<String, String> place = place(tensor);
      long offset = Long.parseLong(place.get("offset"));
      assertThat(place).containsEntry("location", "large.onnx.data");
      assertThat(offset % PAGE).isZero();
      assertThat(offset - end).isBetween(0L, PAGE - 1L);
      assertThat(tensor.hasRawData()).isFalse();
      end = offset + Long.parseLong(place.get("length"));
    }
    assertThat(external).hasSizeGreaterThan(20);
    assertThat(end).isEqualTo(Files.size(folder.resolve("large.onnx.data")));
  }

  @Test
  void readWithoutALimitItIsTheOriginalFileAgain() throws IOException {
    assertThat(OnnxModel.read(written).file().bytes()).isEqualTo(Files.readAllBytes(VIT));
  }

  @Test
  void itHasTheGraphAndTheWeightsOfTheOriginal() {
    OnnxModel original = OnnxModel.read(VIT);
    OnnxModel read = OnnxModel.read(written, LIMIT);

    assertThat(read.graph()).isEqualTo(original.graph());
    for (ActivationSite site : original.graph().sites()) {
      for (LinearLayer layer : site.layers()) {
        assertThat(read.weight(layer)).isEqualTo(original.weight(layer));
        assertThat(read.bias(layer)).isEqualTo(original.bias(layer));
      }
    }
  }

  @Test
  void itsDataFileIsNotNeededAnyMoreOnceItIsRead() throws IOException {
    OnnxModel read = OnnxModel.read(written, LIMIT);
    Files.delete(folder.resolve("large.onnx.data"));
    Files.delete(written);

    assertThat(read.sha256()).isEqualTo(model.sha256());
  }

  @Test
  void theDigestIsThatOfTheContentAndNotOfTheName() throws IOException {
    Path other = folder.resolve("other.onnx");
    model.file().write(other);
    assertThat(OnnxModel.read(other, LIMIT).sha256()).isEqualTo(model.sha256());

    Path data = folder.resolve("other.onnx.data");
    byte[] changed = Files.readAllBytes(data);
    changed[0] ^= 1;
    Files.write(data, changed);
    assertThat(OnnxModel.read(other, LIMIT).sha256()).isNotEqualTo(model.sha256());
  }

  @Test
  void tapsLeaveTheDataAsItIs() throws IOException {
    OnnxFile tapped = ActivationTaps.addTo(model, tensors(model));

    assertThat(tapped.dataDigest()).isEqualTo(model.file().dataDigest());
    assertThat(tapped.sha256()).isNotEqualTo(model.sha256());
    Path file = folder.resolve("tapped.onnx");
    tapped.write(file);
    assertThat(OnnxModel.read(file).file().bytes())
        .isEqualTo(ActivationTaps.addTo(OnnxModel.read(VIT), tensors(model)).bytes());
  }

  @Test
  void theSizeIsThatOfBothFiles() throws IOException {
    OnnxFile named = OnnxModel.read(VIT, LIMIT).file();
    Path file = folder.resolve("model.onnx");
    named.write(file);

    assertThat(named.size())
        .isEqualTo(Files.size(file) + Files.size(folder.resolve("model.onnx.data")));
  }

  @Test
  void anyFileSaysWhichDataFilesItHas() throws IOException {
    assertThat(OnnxFile.dataFiles(Files.readAllBytes(written), "m"))
        .isEqualTo(Set.of("large.onnx.data"));
    assertThat(OnnxFile.dataFiles(Files.readAllBytes(VIT), "m")).isEmpty();
    assertThat(OnnxFile.dataFiles(new byte[] {1, 2, 3}, "m")).isEmpty();
  }

  @Test
  void dataFilesOutsideOfTheFolderAreRefusedBeforeTheyAreRead() {
    byte[] climbing = model.file().graph("../secret.data");

    assertThatExceptionOfType(NoisyQuantException.class)
        .isThrownBy(() -> OnnxFile.dataFiles(climbing, "m"))
        .withMessageContaining("outside the model's folder")
        .returns(ErrorCode.MODEL_UNREADABLE, NoisyQuantException::code);
  }

  @Test
  void aFileThatIsNoModelIsTakenAsItIs() {
    byte[] picture = {(byte) 0x89, 'P', 'N', 'G'};

    assertThat(OnnxFile.of(picture, "picture", folder).bytes()).isEqualTo(picture);
  }
}
