package org.noisyquant.runtime;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;

/** What this machine's processor does with 8-bit integer products. */
public final class IntegerKernels {
  private static final Path CPU_INFO = Path.of("/proc/cpuinfo");

  private IntegerKernels() {}

  /**
   * Whether ONNX Runtime's 8-bit products can saturate here: on x86 without VNNI it adds pairs of
   * products of unsigned activations and signed 8-bit weights in 16 bits. False where the processor
   * is not known.
   */
  public static boolean maySaturate() {
    if (!System.getProperty("os.arch").toLowerCase(Locale.ROOT).matches("amd64|x86_64")) {
      return false;
    }
    try {
      return maySaturate(Files.readAllLines(CPU_INFO));
    } catch (IOException e) {
      return false;
    }
  }

  /** Whether the processor of this text of /proc/cpuinfo lacks VNNI. */
  static boolean maySaturate(List<String> cpuInfo) {
    return cpuInfo.stream()
        .filter(line -> line.startsWith("flags"))
        .anyMatch(line -> !line.matches(".*\\b(avx512_vnni|avx_vnni)\\b.*"));
  }
}
