package org.noisyquant.search;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.noisyquant.testing.Npy;

/**
 * What an independent implementation of the paper's search found for one layer: activations and
 * weights of 6 bits, MSE = mean over tokens and outputs of ((q(x+N) − N − x)·Wq)².
 *
 * @param absMax A, the largest magnitude of its input
 * @param minMax clip 1 without noise
 * @param clip the best of 1000 clips without noise
 * @param shift the best of 400 shifts at that clip
 * @param range the best of 200 ranges at that clip and shift
 * @param rangeCurve some of these ranges, the best or not
 * @param unit u [channels]
 */
record ReferenceLayer(
    String name,
    int bits,
    double absMax,
    ScoredCandidate minMax,
    ScoredCandidate clip,
    ScoredCandidate shift,
    ScoredCandidate range,
    List<ScoredCandidate> rangeCurve,
    float[] unit) {

  /** The grid of the reference: that of the authors, but only each tenth of the 2000 ranges. */
  static final CandidateGrid GRID = new CandidateGrid(1000, 400, 200);

  /** All layers by name, in the network's order. */
  static Map<String, ReferenceLayer> read(Path json, Path noise) throws IOException {
    JsonNode root = new ObjectMapper().readTree(json.toFile());
    Map<String, Npy> units = Npy.readArchive(noise);
    Map<String, ReferenceLayer> layers = new LinkedHashMap<>();
    for (JsonNode node : root.get("layers")) {
      String name = node.get("layer").asText();
      layers.put(name, of(node, root.get("bits").asInt(), units.get(name).floats()));
    }
    return layers;
  }

  private static ReferenceLayer of(JsonNode node, int bits, float[] unit) {
    double clip = node.get("clip_index").asInt() / 1000.0;
    double shift = node.get("shift_index").asInt() / 200.0;
    List<ScoredCandidate> curve = new ArrayList<>();
    node.get("range_curve")
        .properties()
        .forEach(
            point ->
                curve.add(
                    scored(
                        new Candidate(clip, shift, range(Integer.parseInt(point.getKey()))),
                        point.getValue())));
    return new ReferenceLayer(
        node.get("layer").asText(),
        bits,
        node.get("absmax").asDouble(),
        scored(Candidate.MIN_MAX, node.get("mse_minmax")),
        scored(new Candidate(clip, 0, 0), node.get("mse_clip")),
        scored(new Candidate(clip, shift, 0), node.get("mse_shift")),
        scored(
            new Candidate(clip, shift, range(node.get("range_index").asInt())),
            node.get("mse_range")),
        curve,
        unit);
  }

  private static double range(int index) {
    return index / 1000.0;
  }

  private static ScoredCandidate scored(Candidate candidate, JsonNode mse) {
    return new ScoredCandidate(candidate, mse.asDouble(), Double.NaN);
  }

  /** Everything that the reference scored and tells. */
  List<ScoredCandidate> all() {
    List<ScoredCandidate> all = new ArrayList<>(List.of(minMax, clip, shift, range));
    all.addAll(rangeCurve);
    return all;
  }
}
