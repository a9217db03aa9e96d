package org.noisyquant.spark.stage;

import java.io.Serializable;
import java.util.List;
import org.noisyquant.search.Candidate;
import org.noisyquant.search.LossGrid;
import org.noisyquant.search.SiteQuantizer;

/**
 * The candidates of one site in one image pass.
 *
 * @param quantizer from candidates to steps and noise
 * @param candidates in the order whose lower index wins a tie
 * @param grid on which each image's losses are rounded
 */
record SiteTrial(SiteQuantizer quantizer, List<Candidate> candidates, LossGrid grid)
    implements Serializable {}
