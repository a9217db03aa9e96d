package org.noisyquant.spark.stage;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/**
 * Hashes that choose and identify images: the same on every machine, whatever the order of files.
 */
public final class ImageHash {
  /** 2^−53: doubles hold the upper 53 bits of a hash exactly. */
  private static final double UNIT = 0x1p-53;

  private ImageHash() {}

  /** SHA-256 of the bytes of a file, an image or a model, in hexadecimal. */
  public static String digest(byte[] content) {
    return HexFormat.of().formatHex(sha256().digest(content));
  }

  /** The first 64 bits of a digest. */
  static long prefix(String digest) {
    return HexFormat.fromHexDigitsToLong(digest, 0, 2 * Long.BYTES);
  }

  /**
   * Whether an image belongs to the held-out part. By content, so that copies of an image are never
   * on both sides, and independent of which other images there are.
   *
   * @param seed of the job
   * @param digest of the image's content
   * @param fraction expected share that is held out, 0 to 1
   */
  public static boolean isHeldOut(long seed, String digest, double fraction) {
    return (seeded(seed, digest) >>> 11) * UNIT < fraction;
  }

  /** The first 64 bits of SHA-256 over seed and text. */
  static long seeded(long seed, String text) {
    MessageDigest sha256 = sha256();
    sha256.update(ByteBuffer.allocate(Long.BYTES).putLong(0, seed));
    sha256.update(text.getBytes(StandardCharsets.UTF_8));
    return ByteBuffer.wrap(sha256.digest()).getLong();
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java runtime has SHA-256", e);
    }
  }
}
