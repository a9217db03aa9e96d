package org.noisyquant.result;

import com.fasterxml.jackson.annotation.JsonPropertyOrder;
import java.util.List;
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

  /** The file's text, UTF-8 with a final newline. */
  public String toJson() {
    return ResultJson.write(this);
  }
}
