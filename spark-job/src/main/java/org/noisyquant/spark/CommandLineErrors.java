package org.noisyquant.spark;

import java.util.ArrayList;
import java.util.List;
import org.noisyquant.error.ErrorCode;
import org.noisyquant.error.NearestName;
import org.noisyquant.error.NoisyQuantException;
import picocli.CommandLine;
import picocli.CommandLine.MissingParameterException;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;
import picocli.CommandLine.UnmatchedArgumentException;

/** Parses a command line; what is wrong with it becomes one of our errors. */
final class CommandLineErrors {
  private CommandLineErrors() {}

  /**
   * Parses.
   *
   * @throws NoisyQuantException UNKNOWN_KEY for a flag or command that does not exist, with the
   *     nearest known one; MISSING_VALUE for a flag without its value or no command at all;
   *     INVALID_VALUE for the rest, such as a flag given twice
   */
  static ParseResult parse(CommandLine commandLine, String... args) {
    try {
      ParseResult parsed = commandLine.parseArgs(args);
      if (!parsed.hasSubcommand()
          && !parsed.isUsageHelpRequested()
          && !parsed.isVersionHelpRequested()) {
        throw error(
            ErrorCode.MISSING_VALUE,
            commandLine,
            "no command given: one of " + String.join(", ", commandLine.getSubcommands().keySet()));
      }
      return parsed;
    } catch (UnmatchedArgumentException e) {
      throw unknown(e);
    } catch (MissingParameterException e) {
      throw error(ErrorCode.MISSING_VALUE, e.getCommandLine(), e.getMessage());
    } catch (ParameterException e) {
      throw error(ErrorCode.INVALID_VALUE, e.getCommandLine(), e.getMessage());
    }
  }

  private static NoisyQuantException unknown(UnmatchedArgumentException e) {
    CommandLine at = e.getCommandLine();
    String argument = e.getUnmatched().get(0);
    List<String> known = new ArrayList<>();
    if (argument.startsWith("-")) {
      known.addAll(at.getCommandSpec().optionsMap().keySet());
      // Distances to one-letter flags say nothing.
      known.removeIf(flag -> flag.length() < 3);
    } else {
      known.addAll(at.getSubcommands().keySet());
    }
    String name = argument.replaceFirst("=.*", "");
    String kind = argument.startsWith("-") ? "there is no flag " : "there is no command ";
    if (known.isEmpty()) {
      kind = "nothing takes the value ";
    }
    String nearest = NearestName.to(name, known).map(flag -> "; the nearest is " + flag).orElse("");
    return error(ErrorCode.UNKNOWN_KEY, at, kind + name + nearest);
  }

  private static NoisyQuantException error(ErrorCode code, CommandLine at, String message) {
    String name = at.getCommandSpec().qualifiedName();
    return new NoisyQuantException(code, message + " (see " + name + " --help)");
  }
}
