package org.noisyquant.spark;

import com.typesafe.config.Config;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.ParseResult;

/**
 * The flags of a command, made from keys, and what was given for them.
 *
 * @param flags value of each flag that was given: a text, {@code true} or a list of texts
 * @param configFile {@code --config}
 * @param master {@code --master}
 * @param verbose {@code --verbose}
 * @param json {@code --json}
 * @param dryRun {@code --dry-run}
 */
record CommandArguments(
    Map<JobKey, Object> flags,
    Optional<String> configFile,
    Optional<String> master,
    boolean verbose,
    boolean json,
    boolean dryRun) {
  static final String CONFIG = "--config";
  static final String MASTER = "--master";
  static final String VERBOSE = "--verbose";
  static final String VERBOSE_SHORT = "-v";
  static final String JSON = "--json";
  static final String DRY_RUN = "--dry-run";

  private static final Set<JobKey> LISTS =
      Set.of(JobKey.EVALUATION_MODELS, JobKey.STATISTICS_MERGE, JobKey.INCLUDE, JobKey.EXCLUDE);

  /**
   * A command with a flag for each key, {@code --help}, {@code --version} and {@code --verbose}.
   *
   * @param required those of the keys whose help does not name a default
   */
  static CommandSpec spec(String name, String help, List<JobKey> keys, Set<JobKey> required) {
    CommandSpec spec = CommandSpec.create().name(name);
    spec.usageMessage()
        .description(help, "")
        .sortOptions(false)
        .width(100)
        .abbreviateSynopsis(true);
    Config reference = ConfigSources.reference();
    for (JobKey key : keys) {
      OptionSpec.Builder option = OptionSpec.builder(key.flag());
      String fallback = reference.getValue("noisyquant." + key.path()).unwrapped().toString();
      if (key.label().isEmpty()) {
        option.type(boolean.class).arity("0").description(key.help());
      } else if (LISTS.contains(key)) {
        option.type(List.class).auxiliaryTypes(String.class).arity("1").paramLabel(key.label());
        option.description(key.help());
      } else {
        option.type(String.class).arity("1").paramLabel(key.label());
        option.description(
            key.help()
                + (required.contains(key)
                    ? " (required)"
                    : fallback.isEmpty() ? "" : " (default: " + fallback + ")"));
      }
      spec.addOption(option.build());
    }
    spec.addOption(
        OptionSpec.builder(VERBOSE_SHORT, VERBOSE)
            .type(boolean.class)
            .arity("0")
            .description("log more, and the stack trace of an error")
            .build());
    return spec.mixinStandardHelpOptions(true).versionProvider(new Version());
  }

  /** Adds {@code --config}. */
  static CommandSpec withConfig(CommandSpec spec) {
    return spec.addOption(
        OptionSpec.builder(CONFIG)
            .type(String.class)
            .arity("1")
            .paramLabel("FILE")
            .description("HOCON file with these and further settings; flags win over it")
            .build());
  }

  /** Adds {@code --master}. */
  static CommandSpec withMaster(CommandSpec spec) {
    return spec.addOption(
        OptionSpec.builder(MASTER)
            .type(String.class)
            .arity("1")
            .paramLabel("URL")
            .description("Spark master; without it and without spark-submit: local[*]")
            .build());
  }

  /** Adds {@code --json}. */
  static CommandSpec withJson(CommandSpec spec) {
    return spec.addOption(
        OptionSpec.builder(JSON)
            .type(boolean.class)
            .arity("0")
            .description("print JSON instead of text")
            .build());
  }

  /** Adds {@code --dry-run}. */
  static CommandSpec withDryRun(CommandSpec spec) {
    return spec.addOption(
        OptionSpec.builder(DRY_RUN)
            .type(boolean.class)
            .arity("0")
            .description(
                "check everything (settings, paths, permissions, model, three images), print what"
                    + " would be done, and compute and write nothing")
            .build());
  }

  /** What was given for the flags of a subcommand. */
  static CommandArguments of(ParseResult parsed) {
    Map<JobKey, Object> flags = new EnumMap<>(JobKey.class);
    for (JobKey key : JobKey.values()) {
      if (!key.flag().isEmpty() && parsed.hasMatchedOption(key.flag())) {
        flags.put(key, parsed.matchedOptionValue(key.flag(), ""));
      }
    }
    return new CommandArguments(
        flags,
        Optional.ofNullable(parsed.matchedOptionValue(CONFIG, null)),
        Optional.ofNullable(parsed.matchedOptionValue(MASTER, null)),
        parsed.hasMatchedOption(VERBOSE),
        parsed.hasMatchedOption(JSON),
        parsed.hasMatchedOption(DRY_RUN));
  }

  /** The checked configuration that these arguments and the file come to. */
  JobConfig config(Set<JobKey> required) {
    return JobConfig.load(flags, configFile, SparkScope.hadoop(), required);
  }
}
