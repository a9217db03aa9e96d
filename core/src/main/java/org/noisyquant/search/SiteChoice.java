package org.noisyquant.search;

import java.io.Serializable;
import org.noisyquant.quant.NoisyQuantizer;

/**
 * A candidate of the guided search, in numbers.
 *
 * @param kind how its noise came about
 * @param candidate clip of x/c and, where noise is uniform, shift and range
 * @param quantizer steps, noise and what is taken off again, in units of x
 * @param predicted loss, mean squared error per output on the calibration part
 */
public record SiteChoice(
    NoiseKind kind, Candidate candidate, NoisyQuantizer quantizer, double predicted)
    implements Serializable {}
