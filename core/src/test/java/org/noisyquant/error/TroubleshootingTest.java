package org.noisyquant.error;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;

class TroubleshootingTest {
  private static final Path PAGE = Path.of("..", "docs", "troubleshooting.md");
  private static final String EXIT_CODE = "## Exit code ";

  @Test
  void everyCodeHasItsEntryUnderItsExitCode() throws IOException {
    Map<String, Integer> entries = new LinkedHashMap<>();
    int exitCode = 0;
    for (String line : Files.readAllLines(PAGE)) {
      if (line.startsWith(EXIT_CODE)) {
        exitCode = line.charAt(EXIT_CODE.length()) - '0';
      } else if (line.startsWith("### ")) {
        entries.put(line.substring("### ".length()), exitCode);
      }
    }

    assertThat(entries)
        .containsExactlyInAnyOrderEntriesOf(
            Arrays.stream(ErrorCode.values())
                .collect(Collectors.toMap(ErrorCode::name, ErrorCode::exitCode)));
  }

  @Test
  void everyEntryListsTheFormsOfItsMessages() throws IOException {
    Map<String, List<String>> entries = new LinkedHashMap<>();
    List<String> forms = new ArrayList<>();
    for (String line : Files.readAllLines(PAGE)) {
      if (line.startsWith("### ")) {
        forms = new ArrayList<>();
        entries.put(line.substring("### ".length()), forms);
      } else if (line.startsWith("    ")) {
        forms.add(line.strip());
      }
    }

    assertThat(entries)
        .containsExactlyInAnyOrderEntriesOf(
            Arrays.stream(ErrorCode.values())
                .collect(Collectors.toMap(ErrorCode::name, ErrorCode::messages)));
  }

  @Test
  void aMessageOfAnotherFormFailsTheTestThatMakesIt() {
    assertThatThrownBy(() -> new NoisyQuantException(ErrorCode.NO_IMAGES, "no images"))
        .isInstanceOf(AssertionError.class)
        .hasMessage("no form of NO_IMAGES has the message: no images");
  }
}
