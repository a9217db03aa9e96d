package org.noisyquant.spark;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.List;
import java.util.zip.ZipEntry;
import java.util.zip.ZipInputStream;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/**
 * The model and images in this jar: a small vision transformer trained on Fashion-MNIST, 128 images
 * of its training split to calibrate on and 300 of its test split, with labels, to evaluate on.
 */
final class DemoBundle {
  /** Name of the model file; its preprocessing lies beside it. */
  static final String MODEL = "model.onnx";

  /** Name of the folder with the images to calibrate on. */
  static final String CALIBRATION = "calibration";

  /** Name of the folder with the images to evaluate on and their {@code labels.csv}. */
  static final String EVALUATION = "evaluation";

  private static final String ROOT = "/demo/";

  private DemoBundle() {}

  /** Writes all of it into a folder, over what is there under the same names. */
  static void unpack(FileSystem fileSystem, Path folder) throws IOException {
    for (String file : List.of(MODEL, "preprocessor_config.json", "classes.json")) {
      try (InputStream in = resource(file)) {
        write(in, fileSystem, new Path(folder, file));
      }
    }
    for (String images : List.of(CALIBRATION, EVALUATION)) {
      try (ZipInputStream zip = new ZipInputStream(resource(images + ".zip"))) {
        for (ZipEntry entry = zip.getNextEntry(); entry != null; entry = zip.getNextEntry()) {
          write(zip, fileSystem, new Path(new Path(folder, images), entry.getName()));
        }
      }
    }
  }

  private static void write(InputStream in, FileSystem fileSystem, Path file) throws IOException {
    try (OutputStream out = fileSystem.create(file, true)) {
      in.transferTo(out);
    }
  }

  private static InputStream resource(String name) throws IOException {
    InputStream in = DemoBundle.class.getResourceAsStream(ROOT + name);
    if (in == null) {
      throw new FileNotFoundException("this jar has no resource " + ROOT + name);
    }
    return in;
  }
}
