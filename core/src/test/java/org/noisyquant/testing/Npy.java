package org.noisyquant.testing;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipInputStream;

/**
 * A numeric array from a NumPy {@code .npy} or {@code .npz} file: versions 1 to 3, little-endian, C
 * order, element types f4, f8, i1, u1, b1, i4, i8.
 */
public final class Npy {
  private static final Pattern DESCRIPTION = Pattern.compile("'descr':\\s*'([<|])([a-z]\\d)'");
  private static final Pattern FORTRAN = Pattern.compile("'fortran_order':\\s*True");
  private static final Pattern SHAPE = Pattern.compile("'shape':\\s*\\(([^)]*)\\)");

  private final int[] shape;
  private final String type;
  private final ByteBuffer elements;
  private final int size;

  private Npy(int[] shape, String type, ByteBuffer elements) {
    this.shape = shape;
    this.type = type;
    this.elements = elements;
    this.size = Arrays.stream(shape).reduce(1, Math::multiplyExact);
  }

  /** Reads one {@code .npy} file. */
  public static Npy read(Path file) {
    try {
      return parse(Files.readAllBytes(file), file.toString());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Reads every array of an {@code .npz} archive, by name without {@code .npy}, in file order. */
  public static Map<String, Npy> readArchive(Path file) {
    Map<String, Npy> arrays = new LinkedHashMap<>();
    try (InputStream in = Files.newInputStream(file);
        ZipInputStream zip = new ZipInputStream(in)) {
      for (ZipEntry entry = zip.getNextEntry(); entry != null; entry = zip.getNextEntry()) {
        String name = entry.getName().replaceFirst("\\.npy$", "");
        arrays.put(name, parse(zip.readAllBytes(), file + "!" + entry.getName()));
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return arrays;
  }

  private static Npy parse(byte[] content, String where) {
    ByteBuffer buffer = ByteBuffer.wrap(content).order(ByteOrder.LITTLE_ENDIAN);
    if (content.length < 12 || buffer.get(0) != (byte) 0x93 || buffer.get(1) != 'N') {
      throw new IllegalArgumentException(where + " is no .npy file");
    }
    boolean shortHeader = buffer.get(6) == 1;
    int start = shortHeader ? 10 : 12;
    int length = shortHeader ? Short.toUnsignedInt(buffer.getShort(8)) : buffer.getInt(8);
    String header = new String(content, start, length, StandardCharsets.UTF_8);
    Matcher description = DESCRIPTION.matcher(header);
    Matcher shape = SHAPE.matcher(header);
    if (!description.find() || !shape.find() || FORTRAN.matcher(header).find()) {
      throw new IllegalArgumentException(where + ": " + header);
    }
    int[] sizes =
        Stream.of(shape.group(1).split(",", -1))
            .map(String::strip)
            .filter(size -> !size.isEmpty())
            .mapToInt(Integer::parseInt)
            .toArray();
    ByteBuffer elements =
        buffer
            .slice(start + length, content.length - start - length)
            .order(ByteOrder.LITTLE_ENDIAN);
    return new Npy(sizes, description.group(2), elements);
  }

  /** Sizes of all axes. */
  public int[] shape() {
    return shape.clone();
  }

  /** Number of elements. */
  public int size() {
    return size;
  }

  /** Element i, in C order. */
  public double get(int i) {
    return switch (type) {
      case "f4" -> elements.getFloat(4 * i);
      case "f8" -> elements.getDouble(8 * i);
      case "i1" -> elements.get(i);
      case "u1", "b1" -> Byte.toUnsignedInt(elements.get(i));
      case "i4" -> elements.getInt(4 * i);
      case "i8" -> elements.getLong(8 * i);
      default -> throw new IllegalArgumentException("element type " + type);
    };
  }

  /** All elements in C order. */
  public double[] doubles() {
    double[] values = new double[size];
    for (int i = 0; i < size; i++) {
      values[i] = get(i);
    }
    return values;
  }

  /** All elements in C order, rounded to float. */
  public float[] floats() {
    float[] values = new float[size];
    for (int i = 0; i < size; i++) {
      values[i] = (float) get(i);
    }
    return values;
  }

  /** All elements in C order, cast to byte: unsigned bytes keep their bits. */
  public byte[] bytes() {
    byte[] values = new byte[size];
    for (int i = 0; i < size; i++) {
      values[i] = (byte) (int) get(i);
    }
    return values;
  }
}
