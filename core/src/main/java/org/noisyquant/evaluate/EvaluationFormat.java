package org.noisyquant.evaluate;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.zip.CRC32;
import org.noisyquant.error.ErrorCode;
import org.noisyquant.error.NoisyQuantException;

/**
 * {@link EvaluationSums} as bytes, big-endian: magic, version, seed, replicates, number of compared
 * models, names (length and UTF-8; the reference first), sums, CRC-32 of all before it.
 */
final class EvaluationFormat {
  /** Keeps the bytes of {@link #MAX_MODELS} models below 2 GB. */
  static final int MAX_REPLICATES = 100_000;

  static final int MAX_MODELS = 256;

  private static final int MAGIC = 0x4e514556; // NQEV
  private static final int VERSION = 2;

  private EvaluationFormat() {}

  static byte[] write(EvaluationSums sums) {
    List<byte[]> names = new ArrayList<>();
    names.add(sums.reference().getBytes(UTF_8));
    sums.compared().forEach(name -> names.add(name.getBytes(UTF_8)));
    int size = 3 * Integer.BYTES + 2 * Long.BYTES + Integer.BYTES;
    for (byte[] name : names) {
      size += Integer.BYTES + name.length;
    }
    size += EvaluationSums.sumBytes(sums.replicates(), sums.compared().size());
    ByteBuffer target = ByteBuffer.allocate(size);
    target.putInt(MAGIC).putInt(VERSION).putLong(sums.seed()).putInt(sums.replicates());
    target.putInt(sums.compared().size());
    for (byte[] name : names) {
      target.putInt(name.length).put(name);
    }
    sums.writeSums(target);
    target.putLong(checksum(target.array(), target.position()));
    return target.array();
  }

  static EvaluationSums read(byte[] bytes) {
    try {
      return parse(bytes);
    } catch (BufferUnderflowException e) {
      throw invalid("they end early, after " + bytes.length + " bytes");
    }
  }

  private static EvaluationSums parse(byte[] bytes) {
    ByteBuffer source = ByteBuffer.wrap(bytes);
    int magic = source.getInt();
    if (magic != MAGIC) {
      throw invalid(String.format("they begin with %08x instead of %08x", magic, MAGIC));
    }
    int version = source.getInt();
    if (version != VERSION) {
      throw invalid("their version is " + version + ", this program reads version " + VERSION);
    }
    int end = bytes.length - Long.BYTES;
    if (end < source.position() || source.getLong(end) != checksum(bytes, end)) {
      throw invalid("their checksum is wrong");
    }
    long seed = source.getLong();
    int replicates = source.getInt();
    int models = source.getInt();
    if (replicates < 1 || replicates > MAX_REPLICATES || models < 0 || models >= MAX_MODELS) {
      throw invalid("they claim " + replicates + " replicates of " + models + " models");
    }
    String reference = readName(source);
    List<String> compared = new ArrayList<>(models);
    for (int m = 0; m < models; m++) {
      compared.add(readName(source));
    }
    if (end - source.position() != EvaluationSums.sumBytes(replicates, models)) {
      throw invalid("their length of " + bytes.length + " bytes does not fit their header");
    }
    EvaluationSums sums = EvaluationSums.empty(reference, compared, replicates, seed);
    if (!sums.readSums(source)) {
      throw invalid("they hold negative sums");
    }
    return sums;
  }

  private static String readName(ByteBuffer source) {
    int length = source.getInt();
    if (length < 0 || length > source.remaining()) {
      throw invalid("they hold a model name of " + length + " bytes");
    }
    byte[] name = new byte[length];
    source.get(name);
    return new String(name, UTF_8);
  }

  private static long checksum(byte[] bytes, int length) {
    CRC32 crc = new CRC32();
    crc.update(bytes, 0, length);
    return crc.getValue();
  }

  private static NoisyQuantException invalid(String reason) {
    return new NoisyQuantException(
        ErrorCode.STATISTICS_INVALID,
        "these are no evaluation sums of this program: " + reason + "; evaluate again");
  }
}
