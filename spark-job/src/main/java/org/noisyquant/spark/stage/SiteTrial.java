package org.noisyquant.spark.stage;

import java.io.Serializable;
import java.util.List;
import org.noisyquant.quant.NoisyQuantizer;
import org.noisyquant.stats.SumGrid;

/**
 * The candidates of one site in one image pass.
 *
 * @param quantizers a serializable list
 * @param grid on which each image's losses are rounded
 */
record SiteTrial(List<NoisyQuantizer> quantizers, SumGrid grid) implements Serializable {}
