package org.noisyquant.export;

import ai.onnx.proto.OnnxMl.GraphProto;
import ai.onnx.proto.OnnxMl.ModelProto;
import ai.onnx.proto.OnnxMl.StringStringEntryProto;
import java.util.Map;
import java.util.TreeMap;
import org.noisyquant.onnx.OnnxFile;
import org.noisyquant.onnx.OnnxModel;

/** Puts a rewritten graph back into its model, with where it comes from. */
final class ModelFile {
  private ModelFile() {}

  /**
   * The ONNX file.
   *
   * @param metadata to add to the source's metadata_props; wins over what is there
   */
  static OnnxFile of(OnnxModel source, GraphProto rewritten, Map<String, String> metadata) {
    return source.fileOf(assemble(source, rewritten, metadata));
  }

  private static ModelProto assemble(
      OnnxModel model, GraphProto rewritten, Map<String, String> metadata) {
    ModelProto source = model.proto();
    Map<String, String> given = new TreeMap<>(metadata);
    String producer = (source.getProducerName() + " " + source.getProducerVersion()).strip();
    if (!producer.isEmpty()) {
      given.putIfAbsent(QuantizedModelWriter.PREFIX + "source.producer", producer);
    }
    given.putIfAbsent(QuantizedModelWriter.PREFIX + "source.sha256", model.sha256());
    ModelProto.Builder result = source.toBuilder().setGraph(rewritten).clearMetadataProps();
    for (StringStringEntryProto entry : source.getMetadataPropsList()) {
      if (!given.containsKey(entry.getKey())) {
        result.addMetadataProps(entry);
      }
    }
    given.forEach(
        (key, value) ->
            result.addMetadataProps(
                StringStringEntryProto.newBuilder().setKey(key).setValue(value)));
    return result.setProducerName("noisyquant").clearProducerVersion().build();
  }
}
