package org.noisyquant.result;

import com.fasterxml.jackson.annotation.JsonPropertyOrder;
import com.fasterxml.jackson.core.JsonProcessingException;
import java.util.List;
import java.util.Optional;
import org.noisyquant.error.ErrorCode;
import org.noisyquant.error.NoisyQuantException;
import org.noisyquant.graph.ActivationSite;
import org.noisyquant.image.Preprocessing;
import org.noisyquant.stats.SiteStatistics;

/**
 * {@code statistics/manifest.json}: what stored statistics were taken of. Statistics can be merged
 * only where all of this is equal and no image is in both.
 *
 * @param layoutVersion of the bytes of each site
 * @param modelSha256 of the FP32 ONNX file
 * @param preprocessing in Hugging Face form
 * @param heldOutFraction share of the images in the held-out part
 * @param seed of the choice of that part
 * @param sites that statistics were taken of
 */
@JsonPropertyOrder({
  "layoutVersion",
  "modelSha256",
  "preprocessing",
  "heldOutFraction",
  "seed",
  "sites"
})
public record StatisticsManifest(
    int layoutVersion,
    String modelSha256,
    Object preprocessing,
    double heldOutFraction,
    long seed,
    List<Site> sites) {

  /**
   * One site.
   *
   * @param site topological index
   * @param tensor in the ONNX graph
   * @param channels C
   * @param prefixTokens the first tokens of each image, which have their own histograms
   */
  @JsonPropertyOrder({"site", "tensor", "channels", "prefixTokens"})
  public record Site(int site, String tensor, int channels, int prefixTokens) {}

  /** The manifest of statistics in this program's layout. */
  public static StatisticsManifest of(
      String modelSha256,
      Preprocessing preprocessing,
      double heldOutFraction,
      long seed,
      List<ActivationSite> sites) {
    return new StatisticsManifest(
        SiteStatistics.LAYOUT_VERSION,
        modelSha256,
        ResultJson.embedded(preprocessing.toJson()),
        heldOutFraction,
        seed,
        sites.stream()
            .map(s -> new Site(s.index(), s.tensor(), s.channels(), s.prefixTokens()))
            .toList());
  }

  /**
   * Reads what {@link #toJson} wrote.
   *
   * @param where how to call the text in error messages
   * @throws NoisyQuantException STATISTICS_INVALID if it is no manifest of this layout
   */
  public static StatisticsManifest fromJson(String json, String where) {
    StatisticsManifest manifest;
    try {
      manifest = ResultJson.MAPPER.readValue(json, StatisticsManifest.class);
    } catch (JsonProcessingException e) {
      throw invalid(where + " is no manifest of statistics: " + e.getOriginalMessage(), e);
    }
    if (manifest == null) {
      throw invalid(where + " is no manifest of statistics: it is null", null);
    }
    if (manifest.layoutVersion != SiteStatistics.LAYOUT_VERSION
        || manifest.modelSha256 == null
        || manifest.preprocessing == null
        || manifest.sites == null) {
      throw invalid(
          where
              + " is of layout "
              + manifest.layoutVersion
              + " or incomplete; this program reads layout "
              + SiteStatistics.LAYOUT_VERSION,
          null);
    }
    return manifest;
  }

  private static NoisyQuantException invalid(String what, Exception cause) {
    return new NoisyQuantException(
        ErrorCode.STATISTICS_INVALID,
        what + "; give the folder `statistics` of a finished calibration",
        cause);
  }

  /** The same of some of the sites. */
  public StatisticsManifest of(List<Site> some) {
    return new StatisticsManifest(
        layoutVersion, modelSha256, preprocessing, heldOutFraction, seed, some);
  }

  /**
   * What keeps statistics of these from being those of others, in words; empty if nothing does. The
   * others may be of fewer sites.
   *
   * @param wanted the others
   * @param sameParts whether the held-out part must be the same choice too
   */
  public Optional<String> differenceFrom(StatisticsManifest wanted, boolean sameParts) {
    if (!modelSha256.equals(wanted.modelSha256)) {
      return Optional.of(
          "they are of the model with SHA-256 " + modelSha256 + ", not " + wanted.modelSha256);
    }
    if (!preprocessing.equals(wanted.preprocessing)) {
      return Optional.of(
          "their images were preprocessed by "
              + preprocessing
              + ", not by "
              + wanted.preprocessing);
    }
    if (sameParts && heldOutFraction != wanted.heldOutFraction) {
      return Optional.of(
          "images.heldOutFraction was " + heldOutFraction + ", not " + wanted.heldOutFraction);
    }
    if (sameParts && seed != wanted.seed) {
      return Optional.of("job.seed was " + seed + ", not " + wanted.seed);
    }
    return wanted.sites.stream()
        .filter(site -> !sites.contains(site))
        .findFirst()
        .map(site -> "they have not site " + site.site + " as it is here: " + site);
  }

  /** The file's text, UTF-8 with a final newline. */
  public String toJson() {
    return ResultJson.write(this);
  }
}
