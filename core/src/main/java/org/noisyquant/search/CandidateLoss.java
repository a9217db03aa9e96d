package org.noisyquant.search;

import java.io.Serializable;

/**
 * The exact mean squared error of a candidate.
 *
 * @param calibration on the calibration part
 * @param heldOut on the held-out part; NaN where there is none
 */
public record CandidateLoss(double calibration, double heldOut) implements Serializable {}
