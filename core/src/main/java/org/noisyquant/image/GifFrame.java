package org.noisyquant.image;

import java.io.ByteArrayOutputStream;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * The first frame of a GIF file. The blocks after it are walked through, so that a truncated
 * animation does not go unnoticed, but say nothing.
 *
 * @param width of the picture: the screen, larger where the frame reaches beyond it
 * @param height of the picture
 * @param left column of the picture where the frame begins
 * @param top row of the picture where the frame begins
 * @param columns width of the frame
 * @param rows height of the frame
 * @param interlaced whether rows come in four passes
 * @param background palette index of what the frame does not cover: the transparent one, or 0
 * @param palette colours of the frame
 * @param codeBits bits of an uncompressed index
 * @param data LZW codes
 */
@SuppressWarnings("ArrayRecordComponent") // lives for one decode; never compared
record GifFrame(
    int width,
    int height,
    int left,
    int top,
    int columns,
    int rows,
    boolean interlaced,
    int background,
    Palette palette,
    int codeBits,
    byte[] data) {
  private static final int EXTENSION = 0x21;
  private static final int IMAGE = 0x2C;
  private static final int TRAILER = 0x3B;
  private static final int GRAPHIC_CONTROL = 0xF9;

  static GifFrame parse(byte[] file, String name) {
    try {
      return new Parser(file, name).parse();
    } catch (BufferUnderflowException e) {
      throw ImageDecoder.unreadable(
          name, "the GIF is truncated: no trailer within its " + file.length + " bytes", e);
    }
  }

  private static final class Parser {
    private final ByteBuffer buffer;
    private final String name;
    private int screenWidth;
    private int screenHeight;
    private Palette global = Palette.GREY;
    private int transparent;
    private GifFrame first;

    Parser(byte[] file, String name) {
      this.buffer = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN).position(6);
      this.name = name;
    }

    GifFrame parse() {
      screenWidth = twoBytes();
      screenHeight = twoBytes();
      int flags = unsigned();
      buffer.getShort(); // index of a background that no viewer shows, aspect ratio
      global = palette(flags, Palette.GREY);
      while (true) {
        int kind = unsigned();
        switch (kind) {
          case EXTENSION -> extension();
          case IMAGE -> image();
          case TRAILER -> {
            if (first == null) {
              throw ImageDecoder.unreadable(name, "the GIF has no image");
            }
            return first;
          }
          case 0 -> {} // some writers end an image twice
          default -> {
            int at = buffer.position() - 1;
            throw damaged("block of kind " + kind + " at byte " + at);
          }
        }
      }
    }

    private void extension() {
      int label = unsigned();
      byte[] content = blocks();
      if (label == GRAPHIC_CONTROL && first == null && content.length >= 4) {
        boolean given = (content[0] & 1) != 0;
        transparent = given ? Byte.toUnsignedInt(content[3]) : transparent;
      }
    }

    private void image() {
      int left = twoBytes();
      int top = twoBytes();
      int columns = twoBytes();
      int rows = twoBytes();
      int flags = unsigned();
      Palette palette = palette(flags, global);
      int codeBits = unsigned();
      byte[] data = blocks();
      if (first != null) {
        return;
      }
      int width = Math.max(screenWidth, left + columns);
      int height = Math.max(screenHeight, top + rows);
      ImageDecoder.checkSize(columns, rows, name);
      ImageDecoder.checkSize(width, height, buffer.limit(), name);
      if (codeBits < 1 || codeBits > 8) {
        throw damaged("indices of " + codeBits + " bits");
      }
      boolean interlaced = (flags & 0x40) != 0;
      first =
          new GifFrame(
              width,
              height,
              left,
              top,
              columns,
              rows,
              interlaced,
              transparent,
              palette,
              codeBits,
              data);
    }

    private Palette palette(int flags, Palette otherwise) {
      if ((flags & 0x80) == 0) {
        return otherwise;
      }
      byte[] colours = new byte[3 << ((flags & 7) + 1)];
      buffer.get(colours);
      return Palette.ofRgb(colours);
    }

    private byte[] blocks() {
      ByteArrayOutputStream joined = new ByteArrayOutputStream();
      for (int length = unsigned(); length > 0; length = unsigned()) {
        byte[] block = new byte[length];
        buffer.get(block);
        joined.write(block, 0, length);
      }
      return joined.toByteArray();
    }

    private RuntimeException damaged(String what) {
      return ImageDecoder.unreadable(name, "the GIF is damaged: " + what);
    }

    private int twoBytes() {
      return Short.toUnsignedInt(buffer.getShort());
    }

    private int unsigned() {
      return Byte.toUnsignedInt(buffer.get());
    }
  }
}
