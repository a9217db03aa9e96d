package org.noisyquant.search;

/**
 * The exact mean squared error of a candidate.
 *
 * @param calibration on the calibration part
 * @param heldOut on the held-out part; NaN where there is none
 */
public record CandidateLoss(double calibration, double heldOut) {}
