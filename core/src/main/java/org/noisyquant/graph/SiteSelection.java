package org.noisyquant.graph;

import java.util.Arrays;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * Which sites are quantized.
 *
 * @param include glob patterns on site names, {@code *} matching anything; empty selects all
 * @param exclude glob patterns; wins over include
 * @param head whether the classifier may be selected
 */
public record SiteSelection(List<String> include, List<String> exclude, boolean head) {
  /** Copies the lists. */
  public SiteSelection {
    include = List.copyOf(include);
    exclude = List.copyOf(exclude);
  }

  /** Whether a site is to be quantized. */
  public boolean selects(ActivationSite site) {
    return reasonAgainst(site).isEmpty();
  }

  /** Why a site is not quantized; empty if it is. */
  public String reasonAgainst(ActivationSite site) {
    if (!head && site.role() == ActivationSite.Role.HEAD) {
      return "the classifier is left out (quantization.head = false)";
    }
    if (!include.isEmpty() && !anyMatches(include, site.name())) {
      return "no pattern of quantization.include matches";
    }
    return anyMatches(exclude, site.name()) ? "quantization.exclude matches" : "";
  }

  /**
   * Patterns that match the name of no site at all: most often mistyped.
   *
   * @param globs {@link #include} or {@link #exclude}
   * @param sites all sites of a model
   */
  public static List<String> unmatched(List<String> globs, List<ActivationSite> sites) {
    return globs.stream()
        .filter(glob -> sites.stream().noneMatch(site -> anyMatches(List.of(glob), site.name())))
        .toList();
  }

  private static boolean anyMatches(List<String> globs, String name) {
    return globs.stream().anyMatch(glob -> pattern(glob).matcher(name).matches());
  }

  private static Pattern pattern(String glob) {
    String regex =
        Arrays.stream(glob.split("\\*", -1)).map(Pattern::quote).collect(Collectors.joining(".*"));
    return Pattern.compile(regex, Pattern.DOTALL);
  }
}
