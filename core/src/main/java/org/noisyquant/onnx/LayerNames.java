package org.noisyquant.onnx;

import ai.onnx.proto.OnnxMl.NodeProto;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * Gives layers the dotted names that their module had before export, and keeps them unique: from
 * the bias, the weight, or the node; the weight tensor's own name where none of them tells.
 */
final class LayerNames {
  private static final Pattern MODULE_PATH = Pattern.compile("\\w+(\\.\\w+)*");

  private final Set<String> used = new HashSet<>();

  /** A name for a layer; {@code bias} is null where there is none. */
  String of(NodeProto node, String weight, String bias) {
    return unique(base(node, weight, bias));
  }

  private static String base(NodeProto node, String weight, String bias) {
    if (bias != null && isParameter(bias, ".bias")) {
      return bias.substring(0, bias.length() - ".bias".length());
    }
    if (isParameter(weight, ".weight")) {
      return weight.substring(0, weight.length() - ".weight".length());
    }
    String scope = scope(node.getName());
    return scope.isEmpty() ? weight : scope;
  }

  private static boolean isParameter(String name, String suffix) {
    return name.endsWith(suffix)
        && MODULE_PATH.matcher(name.substring(0, name.length() - suffix.length())).matches();
  }

  /** {@code /blocks/blocks.0/attn/qkv/MatMul} to {@code blocks.0.attn.qkv}; empty without scope. */
  static String scope(String nodeName) {
    List<String> segments =
        Arrays.stream(nodeName.split("/")).filter(segment -> !segment.isEmpty()).toList();
    List<String> kept = new ArrayList<>();
    for (int i = 0; i + 1 < segments.size(); i++) {
      // "blocks" before "blocks.0": the exporter names the module list and then its element.
      if (!segments.get(i + 1).startsWith(segments.get(i) + ".")) {
        kept.add(segments.get(i));
      }
    }
    return String.join(".", kept);
  }

  private String unique(String base) {
    String name = base;
    for (int n = 2; !used.add(name); n++) {
      name = base + "#" + n;
    }
    return name;
  }

  /** Name of a site: {@code blocks.0.attn.query+key+value} for three layers of one module. */
  static String join(List<String> layers) {
    List<List<String>> paths = layers.stream().map(name -> List.of(name.split("\\."))).toList();
    int common = 0;
    while (sharesSegment(paths, common)) {
      common++;
    }
    List<String> prefix = paths.get(0).subList(0, common);
    List<String> rest = new ArrayList<>();
    for (List<String> path : paths) {
      rest.add(String.join(".", path.subList(common, path.size())));
    }
    String joined = String.join("+", rest);
    return prefix.isEmpty() ? joined : String.join(".", prefix) + "." + joined;
  }

  /** Whether all paths have the same segment here and at least one more after it. */
  private static boolean sharesSegment(List<List<String>> paths, int position) {
    return paths.stream()
        .allMatch(
            path ->
                position + 1 < path.size()
                    && path.get(position).equals(paths.get(0).get(position)));
  }
}
