package org.noisyquant.image;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.ZipEntry;
import java.util.zip.ZipInputStream;

/**
 * The image files of {@code src/test/python/make_image_forms.py}, good and bad, with what is to
 * become of them.
 */
final class ImageForms {
  private ImageForms() {}

  /**
   * One file.
   *
   * @param file its name
   * @param form what it is
   * @param content the whole file
   * @param size width and height in pixels, as "21x13"; "x" of a bad file
   * @param sha256 of the RGB bytes that Pillow gives, in hexadecimal; empty for a bad file
   * @param reason words of the reason to refuse it; empty for a good file
   */
  @SuppressWarnings("ArrayRecordComponent") // Never compared.
  record Form(String file, String form, byte[] content, String size, String sha256, String reason) {
    boolean isGood() {
      return reason.isEmpty();
    }

    @Override
    public String toString() {
      return file + ": " + form;
    }
  }

  /** All of them, in the order of the table. */
  static List<Form> all() {
    Map<String, byte[]> contents = contents();
    List<Form> forms = new ArrayList<>();
    for (String line : lines().subList(1, lines().size())) {
      String[] cells = line.split(",", -1);
      String size = cells[2] + "x" + cells[3];
      forms.add(new Form(cells[0], cells[1], contents.get(cells[0]), size, cells[4], cells[5]));
    }
    return forms;
  }

  /** One file. */
  static byte[] content(String file) {
    return contents().get(file);
  }

  private static Map<String, byte[]> contents() {
    Map<String, byte[]> contents = new HashMap<>();
    try (ZipInputStream zip = new ZipInputStream(open("image-forms.zip"))) {
      for (ZipEntry entry = zip.getNextEntry(); entry != null; entry = zip.getNextEntry()) {
        contents.put(entry.getName(), zip.readAllBytes());
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return contents;
  }

  private static List<String> lines() {
    try (BufferedReader reader =
        new BufferedReader(
            new InputStreamReader(open("image-forms.csv"), StandardCharsets.UTF_8))) {
      return reader.lines().toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static InputStream open(String resource) {
    InputStream in = ImageForms.class.getResourceAsStream("/" + resource);
    if (in == null) {
      throw new IllegalStateException("no " + resource + " on the test class path");
    }
    return in;
  }
}
