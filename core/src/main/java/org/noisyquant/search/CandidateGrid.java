package org.noisyquant.search;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.List;

/**
 * The candidates of the paper's three searches, in the order whose lower index wins a tie. Each
 * list holds the incumbent of the search before it (clip 1, shift 0, range 0).
 *
 * @param clips n: clip = i/n, i = n … 1
 * @param shifts n: shift = 2j/n steps, j = −⌊n/2⌋ … ⌈n/2⌉ − 1, from −1 to 1
 * @param ranges n: range = 2k/n steps, k = 0 … n − 1, from 0 to 2
 */
public record CandidateGrid(int clips, int shifts, int ranges) implements Serializable {
  /** The grid of the authors' code: 1000 clips, 400 shifts, 2000 ranges. */
  public static final CandidateGrid AUTHORS = new CandidateGrid(1000, 400, 2000);

  /** Checks the counts. */
  public CandidateGrid {
    if (clips < 1 || shifts < 1 || ranges < 1) {
      throw new IllegalArgumentException(
          "grid needs at least one candidate each: " + clips + ", " + shifts + ", " + ranges);
    }
  }

  /** All clips without noise, the widest first. */
  public List<Candidate> clipCandidates() {
    List<Candidate> list = new ArrayList<>(clips);
    for (int i = clips; i >= 1; i--) {
      list.add(new Candidate((double) i / clips, 0, 0));
    }
    return list;
  }

  /** All shifts at the best clip. */
  public List<Candidate> shiftCandidates(Candidate bestClip) {
    List<Candidate> list = new ArrayList<>(shifts);
    for (int j = -(shifts / 2); j < shifts - shifts / 2; j++) {
      list.add(new Candidate(bestClip.clip(), 2.0 * j / shifts, 0));
    }
    return list;
  }

  /** All ranges at the best clip and shift, no random part first. */
  public List<Candidate> rangeCandidates(Candidate bestShift) {
    List<Candidate> list = new ArrayList<>(ranges);
    for (int k = 0; k < ranges; k++) {
      list.add(new Candidate(bestShift.clip(), bestShift.shift(), 2.0 * k / ranges));
    }
    return list;
  }
}
