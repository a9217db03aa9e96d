package org.noisyquant.spark;

import com.typesafe.config.Config;
import com.typesafe.config.ConfigException;
import com.typesafe.config.ConfigFactory;
import com.typesafe.config.ConfigObject;
import com.typesafe.config.ConfigParseOptions;
import com.typesafe.config.ConfigRenderOptions;
import com.typesafe.config.ConfigUtil;
import com.typesafe.config.ConfigValue;
import com.typesafe.config.ConfigValueFactory;
import com.typesafe.config.ConfigValueType;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.apache.hadoop.conf.Configuration;
import org.noisyquant.error.ErrorCode;
import org.noisyquant.error.NearestName;
import org.noisyquant.error.NoisyQuantException;
import org.noisyquant.spark.io.HadoopFiles;

/** Where values come from, and which wins: flag, file, {@code reference.conf}. */
final class ConfigSources {
  private static final String ROOT = "noisyquant";

  private static final List<String> PRESETS = List.of("balanced", "best", "paper");

  private ConfigSources() {}

  /** The documented defaults of every key, under the root {@code noisyquant}. */
  static Config reference() {
    // A cluster may have other libraries' reference.conf in front of ours: all are read.
    return ConfigFactory.parseResources(ConfigSources.class.getClassLoader(), "reference.conf")
        .withOnlyPath(ROOT);
  }

  /**
   * A HOCON file, unresolved. A local one may include others.
   *
   * @throws NoisyQuantException CONFIG_UNREADABLE if there is no such file, or it is not HOCON or
   *     no regular file
   */
  static Config file(String uri, Configuration hadoop) {
    try {
      org.apache.hadoop.fs.Path path = new org.apache.hadoop.fs.Path(uri);
      boolean local = path.getFileSystem(hadoop).getScheme().equals("file");
      // Read again it would be empty: all keys would silently have their defaults.
      if (local && isPipe(localPath(path))) {
        throw new IOException("it is a pipe or a device, which cannot be read twice: give a file");
      }
      // Also fails, with its name, on a local file that the parser would silently take for empty.
      byte[] content = HadoopFiles.read(hadoop, uri);
      if (local) {
        return ConfigFactory.parseFile(localPath(path).toFile());
      }
      return ConfigFactory.parseString(
          new String(content, StandardCharsets.UTF_8),
          ConfigParseOptions.defaults().setOriginDescription(uri));
    } catch (IOException | IllegalArgumentException e) {
      throw new NoisyQuantException(
          ErrorCode.CONFIG_UNREADABLE,
          "cannot read the configuration file " + uri + ": " + e.getMessage() + "; check --config",
          e);
    } catch (ConfigException e) {
      throw new NoisyQuantException(
          ErrorCode.CONFIG_UNREADABLE,
          "the configuration file " + uri + " is not valid HOCON: " + e.getMessage(),
          e);
    }
  }

  private static Path localPath(org.apache.hadoop.fs.Path path) {
    return Path.of(path.toUri().getPath());
  }

  private static boolean isPipe(Path file) {
    return Files.exists(file) && !Files.isRegularFile(file) && !Files.isDirectory(file);
  }

  /**
   * All of it together, resolved, the root taken off.
   *
   * @throws NoisyQuantException UNKNOWN_KEY or INVALID_VALUE if the file holds other keys
   */
  static Config merge(Map<JobKey, ?> flags, Config file) {
    Config merged = ConfigFactory.empty();
    for (Map.Entry<JobKey, ?> flag : flags.entrySet()) {
      ConfigValue value = ConfigValueFactory.fromAnyRef(flag.getValue(), "command line");
      merged = merged.withValue(ROOT + "." + flag.getKey().path(), value);
    }
    try {
      Config reference = reference();
      checkKeys(file.withFallback(reference).resolve().root(), "", new Names(reference));
      Config given = merged.withFallback(file);
      return given
          .withFallback(preset(given.withFallback(reference).resolve()))
          .withFallback(reference)
          .resolve()
          .getConfig(ROOT);
    } catch (ConfigException e) {
      throw new NoisyQuantException(
          ErrorCode.INVALID_VALUE, "the configuration has no value: " + e.getMessage(), e);
    }
  }

  /** What a preset sets. */
  private static Config preset(Config config) {
    ConfigValue given = config.getValue(ROOT + "." + JobKey.PRESET.path());
    String name = String.valueOf(given.unwrapped());
    if (!PRESETS.contains(name)) {
      throw new NoisyQuantException(
          ErrorCode.INVALID_VALUE,
          JobKey.PRESET
              + " is "
              + given.render(ConfigRenderOptions.concise())
              + " ("
              + given.origin().description()
              + "); allowed: "
              + String.join(" or ", PRESETS));
    }
    return ConfigFactory.parseResources(
        ConfigSources.class.getClassLoader(), "presets/" + name + ".conf");
  }

  private static void checkKeys(ConfigObject object, String prefix, Names names) {
    for (Map.Entry<String, ConfigValue> entry : object.entrySet()) {
      String path = prefix + ConfigUtil.joinPath(entry.getKey());
      ConfigValue value = entry.getValue();
      boolean isObject = value.valueType() == ConfigValueType.OBJECT;
      if (names.sections.contains(path) && isObject) {
        checkKeys((ConfigObject) value, path + ".", names);
      } else if (names.sections.contains(path)) {
        throw new NoisyQuantException(
            ErrorCode.INVALID_VALUE,
            path + " (" + value.origin().description() + ") is a section of keys, not a value");
      } else if (names.keys.contains(path) && isObject) {
        throw new NoisyQuantException(
            ErrorCode.INVALID_VALUE,
            path + " (" + value.origin().description() + ") is one value, not a section of keys");
      } else if (!names.keys.contains(path)) {
        throw new NoisyQuantException(
            ErrorCode.UNKNOWN_KEY,
            "there is no key "
                + path
                + " ("
                + value.origin().description()
                + "); the nearest is "
                + NearestName.to(path, isObject ? names.sections : names.keys).orElse(ROOT));
      }
    }
  }

  /** The keys and sections of {@code reference.conf}, each as its whole path. */
  private static final class Names {
    final Set<String> keys = new TreeSet<>();
    final Set<String> sections = new HashSet<>();

    Names(Config reference) {
      for (Map.Entry<String, ConfigValue> entry : reference.entrySet()) {
        keys.add(entry.getKey());
        List<String> names = ConfigUtil.splitPath(entry.getKey());
        for (int length = 1; length < names.size(); length++) {
          sections.add(String.join(".", names.subList(0, length)));
        }
      }
    }
  }
}
