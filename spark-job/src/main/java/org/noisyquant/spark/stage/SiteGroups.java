package org.noisyquant.spark.stage;

import java.util.ArrayList;
import java.util.List;

/** Sites that one image pass holds together: neighbours, as many as memory allows. */
final class SiteGroups {
  private SiteGroups() {}

  /**
   * The positions of each group. A site that is larger than the bound is a group of its own.
   *
   * @param bytes what each site takes
   * @param most bytes of a group
   */
  static List<List<Integer>> of(List<Long> bytes, long most) {
    List<List<Integer>> groups = new ArrayList<>();
    long held = Long.MAX_VALUE;
    for (int i = 0; i < bytes.size(); i++) {
      if (held > most - bytes.get(i)) {
        groups.add(new ArrayList<>());
        held = 0;
      }
      groups.get(groups.size() - 1).add(i);
      held += bytes.get(i);
    }
    return groups;
  }

  /** What the largest group takes. */
  static long largest(List<Long> bytes, long most) {
    return of(bytes, most).stream()
        .mapToLong(group -> group.stream().mapToLong(bytes::get).sum())
        .max()
        .orElse(0);
  }
}
