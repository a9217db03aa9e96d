package org.noisyquant.export;

import ai.onnx.proto.OnnxMl.GraphProto;
import ai.onnx.proto.OnnxMl.ModelProto;
import ai.onnx.proto.OnnxMl.StringStringEntryProto;
import ai.onnx.proto.OnnxMl.TensorProto;
import java.util.Map;
import java.util.TreeMap;
import org.noisyquant.error.ErrorCode;
import org.noisyquant.error.NoisyQuantException;
import org.noisyquant.onnx.OnnxModel;

/** Puts a rewritten graph back into its model, with where it comes from. */
final class ModelFile {
  /** Protobuf messages end at 2 GiB. */
  static final long LIMIT = Integer.MAX_VALUE - (1L << 20);

  private ModelFile() {}

  /**
   * The ONNX file.
   *
   * @param metadata to add to the source's metadata_props; wins over what is there
   * @param limit largest size in bytes
   * @throws NoisyQuantException {@code MODEL_UNSUPPORTED} if it would be larger
   */
  static byte[] of(
      OnnxModel source, GraphProto rewritten, Map<String, String> metadata, long limit) {
    long size = size(rewritten);
    if (size > limit) {
      throw new NoisyQuantException(
          ErrorCode.MODEL_UNSUPPORTED,
          "the quantized model would have "
              + size
              + " bytes, more than one ONNX file can hold ("
              + limit
              + "). Quantize more of its layers, or use a smaller model.");
    }
    return assemble(source, rewritten, metadata).toByteArray();
  }

  /** Serialized bytes of a graph that may be larger than one message can be. */
  private static long size(GraphProto graph) {
    long size = graph.toBuilder().clearInitializer().build().getSerializedSize();
    for (TensorProto tensor : graph.getInitializerList()) {
      size += tensor.getSerializedSize();
    }
    return size;
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
