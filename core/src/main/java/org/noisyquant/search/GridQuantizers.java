package org.noisyquant.search;

import java.io.Serializable;
import java.util.AbstractList;
import java.util.ArrayList;
import java.util.List;
import org.noisyquant.quant.NoisyQuantizer;

/**
 * The quantizers of candidates, each made when it is asked for: a full grid's noise does not fit
 * into memory at once.
 */
public final class GridQuantizers extends AbstractList<NoisyQuantizer> implements Serializable {
  private static final long serialVersionUID = 1L;

  private final SiteQuantizer site;
  private final ArrayList<Candidate> candidates;

  /** The quantizers of these candidates, in their order. */
  public GridQuantizers(SiteQuantizer site, List<Candidate> candidates) {
    this.site = site;
    this.candidates = new ArrayList<>(candidates);
  }

  @Override
  public NoisyQuantizer get(int index) {
    return site.noisy(candidates.get(index));
  }

  @Override
  public int size() {
    return candidates.size();
  }
}
