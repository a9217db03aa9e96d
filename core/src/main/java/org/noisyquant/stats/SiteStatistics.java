package org.noisyquant.stats;

import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.util.EnumMap;
import java.util.Map;
import java.util.zip.CRC32;
import org.noisyquant.error.ErrorCode;
import org.noisyquant.error.NoisyQuantException;

/**
 * What calibration keeps of one activation site: per-channel histograms for each part of the images
 * and each group of tokens. Merging is exact for any partitioning and order, so the bytes of the
 * merged statistics do not depend on how the images were spread.
 *
 * <p>Mutable accumulator, not thread-safe. Heap: 5 KiB per channel for each part and group that
 * occurs, independent of the number of images. Bytes: big-endian, magic, layout version, CRC-32.
 */
public final class SiteStatistics {
  /** Version of the byte layout. */
  public static final int LAYOUT_VERSION = 1;

  private static final int MAGIC = 0x4E515353;

  /** Cells of magnitudes: from 2^MIN_EXPONENT to what a float can be. */
  private static final int PER_OCTAVE = 64;

  private static final int MAGNITUDES =
      (Float.MAX_EXPONENT + 2 - ChannelHistograms.MIN_EXPONENT) * PER_OCTAVE;

  /** The two parts of the calibration images. */
  public enum Part {
    /** Choices are made on these images. */
    CALIBRATION,
    /** Choices are checked on these images. */
    HELD_OUT
  }

  /** The groups of tokens. */
  public enum TokenGroup {
    /** Class, distillation and register tokens. */
    PREFIX,
    /** Patch tokens. */
    PATCH
  }

  private final int site;
  private final int channels;
  private final int prefixTokens;
  private final Map<Part, long[]> images = new EnumMap<>(Part.class);
  private final Map<Part, Map<TokenGroup, ChannelHistograms>> histograms =
      new EnumMap<>(Part.class);

  private SiteStatistics(int site, int channels, int prefixTokens) {
    this.site = site;
    this.channels = channels;
    this.prefixTokens = prefixTokens;
    for (Part part : Part.values()) {
      images.put(part, new long[1]);
      histograms.put(part, new EnumMap<>(TokenGroup.class));
    }
  }

  /**
   * Statistics of no image.
   *
   * @param site topological index of the site
   * @param channels C
   * @param prefixTokens how many tokens of each image are class, distillation or register tokens
   */
  public static SiteStatistics empty(int site, int channels, int prefixTokens) {
    if (site < 0 || channels < 1 || prefixTokens < 0) {
      throw new IllegalArgumentException(
          "site " + site + ", channels " + channels + ", prefix tokens " + prefixTokens);
    }
    return new SiteStatistics(site, channels, prefixTokens);
  }

  /**
   * Bytes of heap that statistics take once an image of each part was added.
   *
   * @param channels C
   * @param prefixTokens of each image
   * @param heldOut whether there are images of that part
   */
  public static long bytes(int channels, int prefixTokens, boolean heldOut) {
    long groups = prefixTokens > 0 ? 2 : 1;
    long parts = heldOut ? 2 : 1;
    return groups * parts * ChannelHistograms.bytes(channels);
  }

  /**
   * Adds one image.
   *
   * @param part the part the image belongs to
   * @param x its activations [tokens, channels], row-major
   * @param tokens number of tokens, prefix tokens first
   * @throws NoisyQuantException NON_FINITE_ACTIVATION at NaN or infinity; this object must then be
   *     discarded
   */
  public void update(Part part, float[] x, int tokens) {
    int prefix = Math.min(prefixTokens, tokens);
    if (prefix > 0) {
      group(part, TokenGroup.PREFIX).update(x, 0, prefix);
    }
    if (tokens > prefix) {
      group(part, TokenGroup.PATCH).update(x, prefix, tokens);
    }
    images.get(part)[0]++;
  }

  /** Adds what another one holds of the same site; the other stays as it is. */
  public void merge(SiteStatistics other) {
    if (other.site != site || other.channels != channels || other.prefixTokens != prefixTokens) {
      throw new NoisyQuantException(
          ErrorCode.STATISTICS_INVALID,
          "cannot merge statistics of different sites: " + this + " and " + other);
    }
    for (Part part : Part.values()) {
      other.histograms.get(part).forEach((group, h) -> group(part, group).merge(h));
      images.get(part)[0] += other.images(part);
    }
  }

  /** Topological index of the site. */
  public int site() {
    return site;
  }

  /** Channels C. */
  public int channels() {
    return channels;
  }

  /** Prefix tokens of each image. */
  public int prefixTokens() {
    return prefixTokens;
  }

  /** Images of a part. */
  public long images(Part part) {
    return images.get(part)[0];
  }

  /** Histograms of a part and group; empty ones if nothing was counted. */
  public ChannelHistograms histograms(Part part, TokenGroup group) {
    ChannelHistograms h = histograms.get(part).get(group);
    return h == null ? ChannelHistograms.empty(channels) : h;
  }

  /** Largest magnitude of a channel over both token groups of a part; 0 if nothing was counted. */
  public float absMax(Part part, int channel) {
    float max = 0f;
    for (ChannelHistograms h : histograms.get(part).values()) {
      max = Math.max(max, h.absMax(channel));
    }
    return max;
  }

  /**
   * The magnitude that a share of all values of the site, of either part, does not exceed, to a
   * sixty-fourth of an octave; 0 if nothing was counted. Unlike the largest magnitude, of which one
   * image decides, it is about the same for other images of the same kind.
   *
   * @param share above 0 to 1
   */
  public double magnitude(double share) {
    long[] counts = new long[MAGNITUDES];
    long total = 0;
    for (Map<TokenGroup, ChannelHistograms> groups : histograms.values()) {
      for (ChannelHistograms h : groups.values()) {
        total += h.tokens() * channels;
        count(h, counts);
      }
    }
    long below = 0;
    for (int i = 0; i < MAGNITUDES; i++) {
      below += counts[i];
      if (total > 0 && below >= share * total) {
        return i == 0 ? 0 : Math.pow(2, ((double) i / PER_OCTAVE) + ChannelHistograms.MIN_EXPONENT);
      }
    }
    return 0;
  }

  private static void count(ChannelHistograms h, long[] counts) {
    for (int c = 0; c < h.channels(); c++) {
      double width = Math.scalb(1.0, h.exponent(c));
      for (int bin = 0; bin < ChannelHistograms.BINS; bin++) {
        int count = h.count(c, bin);
        if (count > 0) {
          double centre = Math.abs(bin - ChannelHistograms.BINS / 2 + 0.5) * width;
          double octaves = Math.log(centre) / Math.log(2) - ChannelHistograms.MIN_EXPONENT;
          counts[(int) Math.max(0, Math.min(MAGNITUDES - 1, Math.round(octaves * PER_OCTAVE)))] +=
              count;
        }
      }
    }
  }

  /** The bytes of these statistics: the same for the same images in any order. */
  public byte[] toBytes() {
    ByteArrayOutputStream body = new ByteArrayOutputStream();
    try (DataOutputStream out = new DataOutputStream(body)) {
      out.writeInt(MAGIC);
      out.writeInt(LAYOUT_VERSION);
      out.writeInt(site);
      out.writeInt(channels);
      out.writeInt(prefixTokens);
      for (Part part : Part.values()) {
        out.writeLong(images(part));
        for (TokenGroup group : TokenGroup.values()) {
          ChannelHistograms h = histograms.get(part).get(group);
          out.writeBoolean(h != null);
          if (h != null) {
            h.write(out);
          }
        }
      }
      CRC32 crc = new CRC32();
      crc.update(body.toByteArray());
      out.writeLong(crc.getValue());
    } catch (IOException e) {
      throw new NoisyQuantException(ErrorCode.INTERNAL, "site " + site + " does not serialize", e);
    }
    return body.toByteArray();
  }

  /**
   * Statistics from {@link #toBytes}.
   *
   * @throws NoisyQuantException STATISTICS_INVALID if the bytes are damaged, truncated or of
   *     another layout version
   */
  public static SiteStatistics fromBytes(byte[] bytes) {
    int bodyLength = bytes.length - Long.BYTES;
    ByteBuffer in = ByteBuffer.wrap(bytes);
    try {
      if (bodyLength < 0 || in.getInt() != MAGIC) {
        throw new IOException("not site statistics");
      }
      int version = in.getInt();
      if (version != LAYOUT_VERSION) {
        throw new IOException(
            "layout version " + version + ", this program reads " + LAYOUT_VERSION);
      }
      CRC32 crc = new CRC32();
      crc.update(bytes, 0, bodyLength);
      if (in.getLong(bodyLength) != crc.getValue()) {
        throw new IOException("checksum does not match");
      }
      SiteStatistics s = empty(in.getInt(), in.getInt(), in.getInt());
      for (Part part : Part.values()) {
        s.images.get(part)[0] = in.getLong();
        for (TokenGroup group : TokenGroup.values()) {
          if (in.get() != 0) {
            s.histograms.get(part).put(group, ChannelHistograms.read(in, s.channels));
          }
        }
      }
      return s;
    } catch (IOException e) {
      throw damaged(e.getMessage(), e);
    } catch (BufferUnderflowException e) {
      throw damaged("they end too early", e);
    }
  }

  private static NoisyQuantException damaged(String how, Exception cause) {
    return new NoisyQuantException(
        ErrorCode.STATISTICS_INVALID,
        "stored statistics cannot be read: " + how + "; calibrate again",
        cause);
  }

  @Override
  public String toString() {
    return String.format(
        "SiteStatistics[site %d, %d channels, %d prefix tokens, %d + %d images]",
        site, channels, prefixTokens, images(Part.CALIBRATION), images(Part.HELD_OUT));
  }

  private ChannelHistograms group(Part part, TokenGroup group) {
    return histograms.get(part).computeIfAbsent(group, g -> ChannelHistograms.empty(channels));
  }
}
