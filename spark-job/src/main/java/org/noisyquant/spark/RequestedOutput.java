package org.noisyquant.spark;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigException;
import java.util.Optional;
import org.noisyquant.error.NoisyQuantException;

/** The output folder that a command line asks for, also where the rest of it is wrong. */
final class RequestedOutput {
  private static final String KEY = "noisyquant." + JobKey.OUTPUT_PATH.path();

  private RequestedOutput() {}

  /** The value of {@code --output}, or of output.path in the file of {@code --config}. */
  static Optional<String> of(String... args) {
    return flag(JobKey.OUTPUT_PATH.flag(), args)
        .or(() -> flag(CommandArguments.CONFIG, args).flatMap(RequestedOutput::inFile))
        .filter(path -> !path.isBlank());
  }

  private static Optional<String> flag(String name, String... args) {
    for (int i = 0; i < args.length; i++) {
      if (args[i].startsWith(name + "=")) {
        return Optional.of(args[i].substring(name.length() + 1));
      }
      if (args[i].equals(name) && i + 1 < args.length && !args[i + 1].startsWith("-")) {
        return Optional.of(args[i + 1]);
      }
    }
    return Optional.empty();
  }

  private static Optional<String> inFile(String uri) {
    try {
      Config config =
          ConfigSources.file(uri, SparkScope.hadoop())
              .withFallback(ConfigSources.reference())
              .resolve();
      return Optional.of(config.getString(KEY));
    } catch (NoisyQuantException | ConfigException e) {
      // The file is what is wrong: it was reported, and says no folder.
      return Optional.empty();
    }
  }
}
