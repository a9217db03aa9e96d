package org.noisyquant.onnx;

import ai.onnx.proto.OnnxMl.TensorProto;
import ai.onnx.proto.OnnxMl.TensorProto.DataType;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;

/** Reads the values of a {@link TensorProto}, whichever of its fields holds them. */
final class TensorCodec {
  private TensorCodec() {}

  /** Shape of the tensor. */
  static int[] shape(TensorProto tensor) {
    return tensor.getDimsList().stream().mapToInt(Math::toIntExact).toArray();
  }

  /** Number of elements of this shape; 1 for a scalar. */
  static long elements(List<Long> dims) {
    long count = 1;
    for (long dim : dims) {
      if (dim < 0) {
        throw new ArithmeticException("negative dimension in " + dims);
      }
      count = Math.multiplyExact(count, dim);
    }
    return count;
  }

  /** Bytes of one element in raw form, or 0 for types of no fixed whole-byte size. */
  static int bytesPerElement(int dataType) {
    return switch (dataType) {
      case DataType.FLOAT_VALUE, DataType.INT32_VALUE, DataType.UINT32_VALUE -> 4;
      case DataType.DOUBLE_VALUE,
          DataType.INT64_VALUE,
          DataType.UINT64_VALUE,
          DataType.COMPLEX64_VALUE ->
          8;
      case DataType.FLOAT16_VALUE,
          DataType.BFLOAT16_VALUE,
          DataType.INT16_VALUE,
          DataType.UINT16_VALUE ->
          2;
      case DataType.INT8_VALUE, DataType.UINT8_VALUE, DataType.BOOL_VALUE -> 1;
      default -> 0;
    };
  }

  /**
   * What is wrong with the stored size of this tensor, or null. Only types that are read here are
   * checked: floats and integers that can be weights, biases, shapes or axes.
   */
  static String sizeDefect(TensorProto tensor) {
    long elements = -1;
    try {
      elements = elements(tensor.getDimsList());
    } catch (ArithmeticException e) {
      // no size at all
    }
    if (elements < 0
        || elements > Integer.MAX_VALUE
        || tensor.getDimsList().stream().anyMatch(dim -> dim > Integer.MAX_VALUE)) {
      return "has the impossible shape " + tensor.getDimsList();
    }
    int width = bytesPerElement(tensor.getDataType());
    if (tensor.hasRawData()) {
      long stored = tensor.getRawData().size();
      return width == 0 || stored == elements * width
          ? null
          : "has "
              + stored
              + " bytes for shape "
              + tensor.getDimsList()
              + ", expected "
              + elements * width;
    }
    long stored =
        switch (tensor.getDataType()) {
          case DataType.FLOAT_VALUE -> tensor.getFloatDataCount();
          case DataType.DOUBLE_VALUE -> tensor.getDoubleDataCount();
          case DataType.INT64_VALUE -> tensor.getInt64DataCount();
          case DataType.INT32_VALUE -> tensor.getInt32DataCount();
          default -> elements;
        };
    return stored == elements
        ? null
        : "has " + stored + " values for shape " + tensor.getDimsList() + ", expected " + elements;
  }

  /** Values of a FLOAT or DOUBLE tensor, row-major; doubles are rounded to the nearest float. */
  static float[] floats(TensorProto tensor) {
    int count = Math.toIntExact(elements(tensor.getDimsList()));
    float[] values = new float[count];
    boolean isDouble = tensor.getDataType() == DataType.DOUBLE_VALUE;
    if (tensor.hasRawData()) {
      ByteBuffer raw = raw(tensor);
      for (int i = 0; i < count; i++) {
        values[i] = isDouble ? (float) raw.getDouble() : raw.getFloat();
      }
    } else {
      for (int i = 0; i < count; i++) {
        values[i] = isDouble ? (float) tensor.getDoubleData(i) : tensor.getFloatData(i);
      }
    }
    return values;
  }

  /** Values of an INT64 or INT32 tensor, row-major. */
  static long[] integers(TensorProto tensor) {
    int count = Math.toIntExact(elements(tensor.getDimsList()));
    long[] values = new long[count];
    boolean isLong = tensor.getDataType() == DataType.INT64_VALUE;
    if (tensor.hasRawData()) {
      ByteBuffer raw = raw(tensor);
      for (int i = 0; i < count; i++) {
        values[i] = isLong ? raw.getLong() : raw.getInt();
      }
    } else {
      for (int i = 0; i < count; i++) {
        values[i] = isLong ? tensor.getInt64Data(i) : tensor.getInt32Data(i);
      }
    }
    return values;
  }

  static boolean isFloating(TensorProto tensor) {
    return tensor.getDataType() == DataType.FLOAT_VALUE
        || tensor.getDataType() == DataType.DOUBLE_VALUE;
  }

  static boolean isIntegral(TensorProto tensor) {
    return tensor.getDataType() == DataType.INT64_VALUE
        || tensor.getDataType() == DataType.INT32_VALUE;
  }

  private static ByteBuffer raw(TensorProto tensor) {
    return tensor.getRawData().asReadOnlyByteBuffer().order(ByteOrder.LITTLE_ENDIAN);
  }
}
