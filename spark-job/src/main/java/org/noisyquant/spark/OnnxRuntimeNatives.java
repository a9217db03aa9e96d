package org.noisyquant.spark;

import java.util.Locale;
import org.noisyquant.error.ErrorCode;
import org.noisyquant.error.NoisyQuantException;

/** Whether ONNX Runtime has a native library for this machine. */
final class OnnxRuntimeNatives {
  private static final String FOLDER_PROPERTY = "onnxruntime.native.path";

  private OnnxRuntimeNatives() {}

  /**
   * Checks it before any work is done.
   *
   * @throws NoisyQuantException PLATFORM_UNSUPPORTED
   */
  static void check() {
    check(System.getProperty("os.name"), System.getProperty("os.arch"));
  }

  static void check(String osName, String osArch) {
    String resource =
        "/ai/onnxruntime/native/" + os(osName) + "-" + arch(osArch) + "/" + file(osName);
    // Who names a folder has a library of his own in it.
    if (System.getProperty(FOLDER_PROPERTY) == null
        && OnnxRuntimeNatives.class.getResource(resource) == null) {
      throw new NoisyQuantException(ErrorCode.PLATFORM_UNSUPPORTED, missing(osName, osArch));
    }
  }

  /** What to say where loading it failed. */
  static String missing() {
    return missing(System.getProperty("os.name"), System.getProperty("os.arch"));
  }

  private static String missing(String osName, String osArch) {
    return "this jar has no working ONNX Runtime library for "
        + osName
        + " on "
        + osArch
        + ", only for Linux with glibc on x86-64 and aarch64; run it there, or set -D"
        + FOLDER_PROPERTY
        + "=FOLDER to a folder with the libraries for this machine";
  }

  // The three names below are those that ONNX Runtime looks for.

  private static String os(String name) {
    String lower = name.toLowerCase(Locale.ROOT);
    return lower.contains("mac") ? "osx" : lower.contains("win") ? "win" : "linux";
  }

  private static String arch(String arch) {
    return switch (arch) {
      case "amd64", "x86_64" -> "x64";
      case "aarch64", "arm64" -> "aarch64";
      default -> arch;
    };
  }

  private static String file(String name) {
    return switch (os(name)) {
      case "osx" -> "libonnxruntime.dylib";
      case "win" -> "onnxruntime.dll";
      default -> "libonnxruntime.so";
    };
  }
}
