package org.noisyquant.image;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import org.noisyquant.error.NoisyQuantException;

/**
 * The picture of a WebP file, or the first frame of an animated one.
 *
 * @param width of the picture
 * @param height of the picture
 * @param left column of the picture where the frame begins
 * @param top row of the picture where the frame begins
 * @param columns width of the frame
 * @param rows height of the frame
 * @param content the frame alone as a lossless WebP file, without profile and EXIF
 */
@SuppressWarnings("ArrayRecordComponent") // lives for one decode; never compared
record WebpFrame(int width, int height, int left, int top, int columns, int rows, byte[] content) {
  private static final int RIFF_HEADER = 12;
  private static final int CHUNK_HEADER = 8;
  private static final int FRAME_HEADER = 16;
  private static final int LOSSLESS_HEADER = 5;

  /** Zeros after the stream, for a decoder that reads so many bytes ahead. */
  private static final int LOOK_AHEAD = 8;

  private static final int LOSSLESS_SIGNATURE = 0x2F;

  static WebpFrame parse(byte[] file, String name) {
    try {
      return new Parser(file, name).parse();
    } catch (IndexOutOfBoundsException e) {
      throw ImageDecoder.unreadable(name, "the WebP is damaged: a chunk is longer than it", e);
    }
  }

  private static final class Parser {
    private final ByteBuffer file;
    private final String name;
    private int canvasWidth;
    private int canvasHeight;
    private boolean animated;
    private int left;
    private int top;
    private int columns;
    private int rows;

    Parser(byte[] file, String name) {
      this.file = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN);
      this.name = name;
    }

    WebpFrame parse() {
      long end = 8 + Integer.toUnsignedLong(file.getInt(4));
      if (end > file.limit()) {
        throw ImageDecoder.unreadable(
            name, "the WebP is truncated: " + file.limit() + " of its " + end + " bytes are there");
      }
      return picture(file.position(RIFF_HEADER).limit((int) end));
    }

    /** The first picture among these chunks, of which each has name, length and content. */
    private WebpFrame picture(ByteBuffer chunks) {
      while (chunks.remaining() >= CHUNK_HEADER) {
        byte[] kind = new byte[4];
        chunks.get(kind);
        int length = chunks.getInt();
        ByteBuffer body = slice(chunks, chunks.position(), length);
        switch (new String(kind, StandardCharsets.ISO_8859_1)) {
          case "VP8X" -> canvas(body);
          case "ANMF" -> {
            return picture(frame(body));
          }
          case "VP8L" -> {
            return lossless(body);
          }
          case "VP8 " ->
              throw ImageDecoder.unreadable(
                  name, "it is a lossy WebP image; of WebP only lossless images are read");
          default -> {}
        }
        chunks.position(Math.min(chunks.limit(), chunks.position() + length + length % 2));
      }
      throw ImageDecoder.unreadable(name, "the WebP has no image");
    }

    private void canvas(ByteBuffer body) {
      canvasWidth = threeBytes(body, 4) + 1;
      canvasHeight = threeBytes(body, 7) + 1;
      columns = canvasWidth;
      rows = canvasHeight;
    }

    /** Chunks of a frame of an animation. */
    private ByteBuffer frame(ByteBuffer body) {
      if (animated || canvasWidth == 0) {
        throw damaged("a frame outside of an animation");
      }
      animated = true;
      left = 2 * threeBytes(body, 0);
      top = 2 * threeBytes(body, 3);
      columns = threeBytes(body, 6) + 1;
      rows = threeBytes(body, 9) + 1;
      return slice(body, FRAME_HEADER, body.limit() - FRAME_HEADER);
    }

    private WebpFrame lossless(ByteBuffer stream) {
      if (stream.limit() < LOSSLESS_HEADER || stream.get(0) != LOSSLESS_SIGNATURE) {
        throw damaged("its stream has no header");
      }
      int header = stream.getInt(1);
      int streamColumns = (header & 0x3FFF) + 1;
      int streamRows = ((header >> 14) & 0x3FFF) + 1;
      if (canvasWidth == 0) {
        canvasWidth = columns = streamColumns;
        canvasHeight = rows = streamRows;
      }
      ImageDecoder.checkSize(canvasWidth, canvasHeight, file.limit(), name);
      if (streamColumns != columns
          || streamRows != rows
          || left + columns > canvasWidth
          || top + rows > canvasHeight) {
        throw damaged(
            "a stream of "
                + streamColumns
                + "x"
                + streamRows
                + " for a frame of "
                + columns
                + "x"
                + rows
                + " at "
                + left
                + ","
                + top
                + " of "
                + canvasWidth
                + "x"
                + canvasHeight);
      }
      return new WebpFrame(canvasWidth, canvasHeight, left, top, columns, rows, alone(stream));
    }

    private NoisyQuantException damaged(String what) {
      return ImageDecoder.unreadable(name, "the WebP is damaged: " + what);
    }

    private static byte[] alone(ByteBuffer stream) {
      int length = stream.limit() + LOOK_AHEAD;
      length += length % 2;
      ByteBuffer content =
          ByteBuffer.allocate(RIFF_HEADER + CHUNK_HEADER + length).order(ByteOrder.LITTLE_ENDIAN);
      content.put("RIFF".getBytes(StandardCharsets.US_ASCII)).putInt(content.limit() - 8);
      content.put("WEBPVP8L".getBytes(StandardCharsets.US_ASCII)).putInt(length);
      content.put(stream.position(0));
      return content.array();
    }

    private static ByteBuffer slice(ByteBuffer of, int start, int length) {
      return of.slice(start, length).order(ByteOrder.LITTLE_ENDIAN);
    }

    private static int threeBytes(ByteBuffer body, int at) {
      return Short.toUnsignedInt(body.getShort(at)) | Byte.toUnsignedInt(body.get(at + 2)) << 16;
    }
  }
}
